"""Predictor-corrector: a step of the reverse SDE predicts, Langevin steps at the new noise level correct.

Source: Song et al. 2021, section 4.2, algorithms 2-5.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from diffkit.samplers.affine import Affine
from diffkit.samplers.checks import check_count, check_output, check_positive, check_state
from diffkit.samplers.euler_maruyama import euler_maruyama_kernel
from diffkit.samplers.path import Times, check_times, posterior_std
from diffkit.samplers.step import Model, Step
from diffkit.sde import SDE


def predictor_corrector(
    score: Model,
    sde: SDE,
    x_T: Tensor,
    times: Times,
    *,
    predictor: Callable[[SDE, list[float]], Affine] = euler_maruyama_kernel,
    n_corrector: int = 1,
    snr: float = 0.16,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """One predictor step and n_corrector Langevin steps for each time.  Costs 1 + n_corrector calls per step.

    score(x, t): t is a float.  x_T: (B, D) or with more axes, at times[0].  times: falling.
    predictor: `euler_maruyama_kernel` (reverse diffusion) or `ancestral_kernel` (DDPM predicts).
    snr: see `corrector_step`.  n_corrector = 0 leaves the predictor alone.
    """
    check_state(x_T, generator, ndim=2)
    grid = check_times(times, sde.t_max)
    check_count(n_corrector, "n_corrector", lowest=0)
    check_positive(snr, "snr")
    alpha = sde.marginal(torch.tensor(grid, dtype=torch.float64))[0]
    scale = ((alpha[:-1] / alpha[1:]) ** 2).tolist()  # 1 - beta of the step; 1 where the variance explodes
    return _run(score, x_T, grid, predictor(sde, grid), scale, n_corrector, snr, generator)


@torch.no_grad()
def _run(
    score: Model,
    x: Tensor,
    times: list[float],
    k: Affine,
    scale: list[float],
    n_corrector: int,
    snr: float,
    generator: torch.Generator | None,
) -> Iterator[Step]:
    noise = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    yield Step(times[0], x)
    for t, t_next, a, b, c, alpha in zip(times[:-1], times[1:], *k, scale, strict=True):
        out = score(x, t)
        check_output(out, x.shape)
        x = torch.mul(x, a).add_(out, alpha=b).add_(noise.normal_(generator=generator), alpha=c)
        for _ in range(n_corrector):
            s = score(x, t_next)
            check_output(s, x.shape)
            x = corrector_step(x, s, noise.normal_(generator=generator), snr, alpha)
        yield Step(t_next, x, out)


def corrector_step(x: Tensor, score: Tensor, z: Tensor, snr: float, alpha: float = 1.0) -> Tensor:
    """x + eta score + sqrt(2 eta) z with eta = 2 alpha (snr |z|/|score|)^2.  Song et al. 2021, algorithms 4-5.

    x, score, z: (B, *D).  The norms are means over the batch, so neighbours change an example's step a little.
    """
    ratio = z.flatten(1).norm(dim=1).mean() / score.flatten(1).norm(dim=1).mean()
    eta = 2 * alpha * (snr * ratio) ** 2
    return torch.addcmul(x, score, eta).addcmul_(z, (2 * eta).sqrt())


def ancestral_kernel(sde: SDE, times: list[float]) -> Affine:
    """Ancestral sampling for any SDE: the mean and variance of q(x_s | x_t, x_0), with x_0 from the score.

    x_s = (x_t + v score)/r + sqrt(beta_tilde) z with r = alpha_t/alpha_s, v = sigma_t^2 - r^2 sigma_s^2.
    For VP this is the DDPM sampler with variance beta_tilde, for VE it is Song et al. 2021, eq. 47.
    """
    alpha, sigma = sde.marginal(torch.tensor(times, dtype=torch.float64))
    r = alpha[:-1] / alpha[1:]
    v = sigma[:-1] ** 2 - (r * sigma[1:]) ** 2
    return Affine((1 / r).tolist(), (v / r).tolist(), posterior_std(alpha, sigma).tolist())
