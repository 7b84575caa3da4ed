"""A gallery of wrong samplers: Algorithm 2 with one mistake each, as people really write it.

Every step here is x_{t-1} = a x_t + b eps(x_t, t') + c z.  A mistake changes a coefficient, the t' that the network is
told, what is drawn for z, or the start.  The point of the gallery: a plot of samples does not show most of them, a look
at the mean and the variance of a single step does.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from diffkit.gaussian import randn_like
from diffkit.schedule import Schedule

Predict = Callable[[Tensor, Tensor], Tensor]
Coefficients = Callable[[Schedule, int], tuple[float, float, float]]
Draw = Callable[[Tensor, torch.Generator], Tensor]


def right(s: Schedule, t: int) -> tuple[float, float, float]:
    """Ho et al. 2020, algorithm 2, with sigma_t^2 = beta_t and no noise at t = 1."""
    a = 1 / float(s.alpha[t].sqrt())
    return a, -a * float(s.beta[t] / s.noise_var[t].sqrt()), float(s.beta[t].sqrt()) if t > 1 else 0.0


def _uniform(x: Tensor, g: torch.Generator) -> Tensor:
    return torch.rand(x.shape, generator=g, dtype=x.dtype, device=x.device)


def _one_for_all(x: Tensor, g: torch.Generator) -> Tensor:
    return randn_like(x[:1], g).expand_as(x)


class Sampler(NamedTuple):
    """A sampler with at most one mistake.  code: the line that holds it, as it is written."""

    name: str
    code: str
    coefficients: Coefficients = right
    told: Callable[[int], int] = lambda t: t
    draw: Draw = randn_like
    start: Draw = randn_like

    def step(self, eps: Predict, s: Schedule, x: Tensor, t: int, g: torch.Generator) -> Tensor:
        """x_t to x_{t-1}.  x: (B, *D)."""
        return self.move(x, eps(x, torch.full((len(x),), self.told(t), device=x.device)), s, t, g)

    def move(self, x: Tensor, out: Tensor, s: Schedule, t: int, g: torch.Generator) -> Tensor:
        """The same when the network's answer is known already."""
        a, b, c = self.coefficients(s, t)
        return a * x + b * out + c * self.draw(x, g)


def run(samplers: Sequence[Sampler], eps: Predict, s: Schedule, like: Tensor, seed: int) -> Tensor:
    """Every sampler from its start, in the shape of `like` (n, d), to x_0: (K, n, d).  Some end far off, or in nan.

    All take the same random numbers, and one call per step asks the predictor for all of them.
    """
    generators = [torch.Generator(like.device).manual_seed(seed) for _ in samplers]
    x = torch.stack([a.start(like, g) for a, g in zip(samplers, generators, strict=True)])
    for t in range(s.T, 0, -1):
        told = torch.tensor([a.told(t) for a in samplers], device=like.device).repeat_interleave(len(like))
        out = eps(x.flatten(0, 1), told).reshape(x.shape)
        x = torch.stack([a.move(x[k], out[k], s, t, generators[k]) for k, a in enumerate(samplers)])
    return x


def _with(
    in_front: Callable[[Schedule, int], Tensor] = lambda s, t: s.alpha[t].sqrt(),
    below: Callable[[Schedule, int], Tensor] = lambda s, t: s.noise_var[t].sqrt(),
    size: Callable[[Schedule, int], Tensor] = lambda s, t: s.beta[t].sqrt() * (t > 1),
    sign: int = 1,
) -> Coefficients:
    def coefficients(s: Schedule, t: int) -> tuple[float, float, float]:
        a = 1 / float(in_front(s, t))
        return a, -sign * a * float(s.beta[t] / below(s, t)), float(size(s, t))

    return coefficients


def _slide(s: Schedule, t: int) -> tuple[float, float, float]:
    """Through x_0_hat and the posterior mean, with alpha_bar_t where alpha_bar_{t-1} belongs."""
    from_x_0 = s.alpha_bar[t].sqrt() * s.beta[t] / s.noise_var[t]
    a = from_x_0 / s.alpha_bar[t].sqrt() + s.alpha[t].sqrt() * s.noise_var[t - 1] / s.noise_var[t]
    return float(a), -float(from_x_0 / s.snr[t].sqrt()), right(s, t)[2]


def _padded(s: Schedule, t: int) -> tuple[float, float, float]:
    """sqrt(before) x_0_hat + sqrt(1 - before - beta_tilde) eps + sqrt(beta_tilde) z, where before should end at 1."""
    before = s.alpha_bar[max(t - 1, 1)]
    var = (1 - before) / s.noise_var[t] * s.beta[t]
    a = (before / s.alpha_bar[t]).sqrt()
    b = (1 - before - var).clamp(min=0).sqrt() - a * s.noise_var[t].sqrt()
    return float(a), float(b), float(var.sqrt())


SAMPLERS: tuple[Sampler, ...] = (
    Sampler("right", "x = (x - beta / sqrt(1 - alpha_bar) * eps) / sqrt(alpha) + sqrt(beta) * z"),
    Sampler("alpha_bar in front", ".. / sqrt(alpha_bar)", _with(in_front=lambda s, t: s.alpha_bar[t].sqrt())),
    Sampler("alpha under the root", "beta / sqrt(1 - alpha)", _with(below=lambda s, t: s.beta[t].sqrt())),
    Sampler("root forgotten", "beta / (1 - alpha_bar)", _with(below=lambda s, t: s.noise_var[t])),
    Sampler("variance as deviation", ".. + beta * z", _with(size=lambda s, t: s.beta[t] * (t > 1))),
    Sampler("no noise", "the line + sqrt(beta) * z is missing", _with(size=lambda s, t: 0 * s.beta[t])),
    Sampler("noise at t = 1", "z = randn(..) also at t = 1", _with(size=lambda s, t: s.beta[t].sqrt())),
    Sampler("network told t - 1", "eps = net(x, t - 1)", told=lambda t: t - 1),
    Sampler("mean as on a slide", "sqrt(alpha_bar[t]) * beta / (1 - alpha_bar[t]) * x_0_hat + ..", _slide),
    Sampler("alpha_bar[0] is not 1", "alpha_bar_before = alpha_bar[max(t - 1, 1)]", _padded),
    Sampler("start from rand", "x = torch.rand(..)", start=_uniform),
    Sampler("sign of eps", "(x + beta / sqrt(1 - alpha_bar) * eps) ..", _with(sign=-1)),
    Sampler("one noise for all", "z = torch.randn(1, ..)", draw=_one_for_all),
)
