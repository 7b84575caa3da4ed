"""Guidance: steer a sampler by changing the network's answer, not the sampler.

Each function takes a noise prediction and returns another, which any sampler accepts.  Behind all of them stands
Bayes' rule for scores, grad log p(x | y) = grad log p(x) + grad log p(y | x), with score = -eps/sigma.

A strength other than 1 multiplies one term at every noise level.  The result is *not* a sample of the
tempered p(x) p(y | x)^w: noising that density gives other marginals than the ones which are followed.

Source: Dhariwal & Nichol 2021, algorithm 2; Ho & Salimans 2022, eq. 6;
Song et al. 2023, "Pseudoinverse-guided diffusion models for inverse problems", section 3.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.inputs import check_batch, check_like
from diffkit.samplers.checks import check_output, check_state
from diffkit.samplers.path import Noise, levels
from diffkit.samplers.step import Model
from diffkit.schedule import alongside

LogLikelihood = Callable[[Tensor, Any], Tensor]
Conditional = Callable[[Tensor, Any, Tensor], Tensor]


def classifier_guided(eps: Model, log_prob: LogLikelihood, noise: Noise, scale: float = 1.0) -> Model:
    """eps(x, t) - scale sigma_t grad_x log p(y | x, t).  Dhariwal & Nichol 2021, algorithm 2.

    log_prob(x, t): (B,), log probability of the wanted class given the *noisy* x.  scale = 1 is Bayes' rule.
    """
    _check_finite(scale, "scale")

    def guided(x: Tensor, t: Any) -> Tensor:
        sigma = levels(noise, t, x)[1]
        return eps(x, t) - scale * sigma * gradient(lambda y: log_prob(y, t), x)

    return guided


def classifier_guided_score(score: Model, log_prob: LogLikelihood, scale: float = 1.0) -> Model:
    """score(x, t) + scale grad_x log p(y | x, t), for samplers that take a score."""
    _check_finite(scale, "scale")
    return lambda x, t: score(x, t) + scale * gradient(lambda y: log_prob(y, t), x)


def combine_w(conditional: Tensor, unconditional: Tensor, w: float) -> Tensor:
    """(1 + w) conditional - w unconditional.  Ho & Salimans 2022, eq. 6.  w = 0: no guidance."""
    check_like(unconditional, check_batch(conditional, "the conditional prediction"), "the unconditional prediction")
    return conditional + w * (conditional - unconditional)


def combine_scale(conditional: Tensor, unconditional: Tensor, scale: float) -> Tensor:
    """unconditional + scale (conditional - unconditional), as most software writes it: scale = 1 + w.

    scale = 0 is unconditional, 1 conditional, above 1 guided.
    """
    check_like(unconditional, check_batch(conditional, "the conditional prediction"), "the unconditional prediction")
    return unconditional + scale * (conditional - unconditional)


def classifier_free(
    net: Conditional, y: Tensor, null: Tensor, *, w: float | None = None, scale: float | None = None
) -> Model:
    """A noise prediction guided towards y, without a classifier.  Pass w or scale = 1 + w, not both.

    net(x, t, y) was trained with y replaced by null now and then.  y, null: (B, ..), e.g. labels (B,) long.
    Both answers come from one call with a batch of 2B; the same formula holds for scores.
    """
    if (w is None) == (scale is None):
        raise RangeError("pass either w (Ho & Salimans; 0 = no guidance) or scale = 1 + w (1 = no guidance)")
    strength = _check_finite(w + 1 if w is not None else scale, "w or scale")  # type: ignore[arg-type]
    if y.shape != null.shape:
        raise ShapeError(
            f"y is {tuple(y.shape)}, null is {tuple(null.shape)}: pass one null per y, e.g. full_like(y, 10)"
        )
    both = torch.cat([y, null])

    def guided(x: Tensor, t: Any) -> Tensor:
        if len(x) != len(y):
            raise ShapeError(f"x has {len(x)} examples, y has {len(y)}: pass one y per example")
        twice_t = torch.cat([t, t]) if isinstance(t, Tensor) and t.ndim else t
        out = net(torch.cat([x, x]), twice_t, both)
        conditional, unconditional = out.chunk(2)
        check_output(conditional, x.shape)
        return combine_scale(conditional, unconditional, strength)

    return guided


def linear_inverse(
    eps: Model,
    noise: Noise,
    A: Tensor,
    y: Tensor,
    noise_std: float,
    *,
    posterior_cov: Callable[[Any], Tensor | float] | None = None,
) -> Model:
    """A noise prediction that samples p(x_0 | y) for y = A x_0 + noise_std n, n ~ N(0, I).

    To the score it adds grad log N(y; A x_0_hat, A C A^T + noise_std^2 I), differentiated through eps.
    A: (m, D), acting on x flattened to (B, D); for inpainting, the known rows of the identity.
    y: (m,), or (B, m) for one observation per example.
    posterior_cov(t): C = Cov[x_0 | x_t], a number (times I) or (D, D).  The default sigma^2/(alpha^2 + sigma^2)
    is that of data with variance 1 (Song et al. 2023).  With the true C of Gaussian data the result is exact.

    With a learned network begin where alpha is not tiny: x_0_hat divides the network's error by alpha, and A C A^T
    with a guessed C does not know of it, so from pure noise the steps may grow without bound.
    """
    if A.ndim != 2 or y.ndim not in (1, 2) or y.shape[-1] != A.shape[0]:
        raise ShapeError(f"A is {tuple(A.shape)}, y is {tuple(y.shape)}: pass A (m, D) and y (m,) or (B, m)")
    if _check_finite(noise_std, "noise_std") < 0:
        raise RangeError(f"noise_std = {noise_std}: a standard deviation is >= 0")
    if noise_std == 0 and int(torch.linalg.matrix_rank(A)) < len(A):
        raise RangeError("rows of A depend on each other: without noise drop the doubled ones, or set noise_std > 0")

    def guided(x: Tensor, t: Any) -> Tensor:
        check_state(x, ndim=2, often=True)
        if x[0].numel() != A.shape[1]:
            raise ShapeError(f"x has {x[0].numel()} values per example, A has {A.shape[1]} columns: they must agree")
        if y.ndim == 2 and len(y) not in (1, len(x)):
            raise ShapeError(f"x has {len(x)} examples, y has {len(y)}: pass one observation for each, or (m,) for all")
        alpha, sigma = (v.flatten()[0] for v in levels(noise, t, x))  # a sampler's batch shares one t
        C = sigma**2 / (alpha**2 + sigma**2) if posterior_cov is None else posterior_cov(t)
        cov = _image_cov(A, alongside(C, x))
        cov = cov + noise_std**2 * torch.eye(len(A), dtype=x.dtype, device=x.device)
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            out = eps(x, t)
            check_output(out, x.shape)
            predicted = ((x - sigma * out) / alpha).flatten(1) @ A.T.to(x)
            checked = x.device.type == "cpu"  # on a GPU the check would stall the device
            residual = torch.linalg.solve_ex(cov, (y.to(x) - predicted.detach()).T, check_errors=checked)[0].T
            (grad,) = torch.autograd.grad(predicted, x, residual)
        return out.detach() - sigma * grad

    return guided


def gradient(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """grad_x f(x) for f: (B, *D) -> (B,).  Works inside samplers, which run without gradients."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        value = f(x)
        if value.shape != x.shape[:1]:
            raise ShapeError(f"log_prob returned {tuple(value.shape)}, expected ({len(x)},): pick the wanted class")
        if not value.requires_grad:
            raise RangeError("log_prob has no gradient in x: compute it by torch, without no_grad or detach")
        (grad,) = torch.autograd.grad(value.sum(), x)
    return grad


def _image_cov(A: Tensor, C: Tensor) -> Tensor:
    """A C A^T for a number or a matrix C."""
    A = A.to(C)
    return C * (A @ A.T) if C.ndim == 0 else A @ C @ A.T


def _check_finite(value: float, name: str) -> float:
    if not math.isfinite(value):
        raise RangeError(f"{name} = {value}: it must be finite")
    return float(value)
