"""The forward process q: from data to noise, one step, many steps, and back given the data.

Source: Ho et al. 2020, eq. 2 (step), eq. 4 (marginal), eq. 6-7 (posterior).
Shapes: x: (B, *D); t: an int, or (B,) integers.  Densities come back as `Gaussian`, in x's dtype.
"""

from collections.abc import Iterator

from torch import Generator as TorchGenerator
from torch import Tensor, ones_like, zeros_like

from diffkit.errors import RangeError
from diffkit.gaussian import Gaussian, check_fit, kl
from diffkit.schedule import Index, Schedule


def q_step(s: Schedule, x_prev: Tensor, t: Index) -> Gaussian:
    """q(x_t | x_{t-1}) = N(sqrt(1 - beta_t) x_{t-1}, beta_t I), t in 1..T.  Ho et al. 2020, eq. 2."""
    s.check_t(t, lowest=1)
    return Gaussian(s.at(s.alpha.sqrt(), t, x_prev) * x_prev, s.at(s.beta, t, x_prev))


def q_marginal(s: Schedule, x_0: Tensor, t: Index) -> Gaussian:
    """q(x_t | x_0) = N(sqrt(alpha_bar_t) x_0, (1 - alpha_bar_t) I), t in 0..T.  Ho et al. 2020, eq. 4."""
    return Gaussian(s.at(s.alpha_bar.sqrt(), t, x_0) * x_0, s.at(s.noise_var, t, x_0))


def q_between(s: Schedule, x_s: Tensor, s_index: int, t: int) -> Gaussian:
    """q(x_t | x_s) for s <= t: N(sqrt(a) x_s, (1 - a) I) with a = alpha_bar_t / alpha_bar_s."""
    if not 0 <= s_index <= t <= s.T:
        raise RangeError(f"q(x_t | x_s) needs 0 <= s <= t <= T, got s = {s_index}, t = {t}, T = {s.T}")
    ratio = s.alpha_bar[t] / s.alpha_bar[s_index]
    return Gaussian(ratio.sqrt().to(x_s) * x_s, (1 - ratio).to(x_s))


def q_posterior(s: Schedule, x_0: Tensor, x_t: Tensor, t: Index) -> Gaussian:
    """q(x_{t-1} | x_t, x_0), t in 1..T.  Ho et al. 2020, eq. 6-7.  At t = 1 it is a point mass at x_0."""
    t = s.check_t(t, lowest=1)
    check_fit(x_0, x_t)
    noise_var = s.at(s.noise_var, t, x_t)
    from_x_0 = s.at(s.alpha_bar.sqrt(), t - 1, x_t) * s.at(s.beta, t, x_t) / noise_var
    from_x_t = s.at(s.alpha.sqrt(), t, x_t) * s.at(s.noise_var, t - 1, x_t) / noise_var
    return Gaussian(from_x_0 * x_0 + from_x_t * x_t, s.at(s.beta_tilde, t, x_t))


def q_sample(
    s: Schedule,
    x_0: Tensor,
    t: Index,
    *,
    noise: Tensor | None = None,
    generator: TorchGenerator | None = None,
) -> Tensor:
    """x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) noise, in one jump.  Ho et al. 2020, section 3.2."""
    return q_marginal(s, x_0, t).sample(noise=noise, generator=generator)


def trajectory(s: Schedule, x_0: Tensor, *, generator: TorchGenerator | None = None) -> Iterator[Tensor]:
    """x_0, x_1, .., x_T: one run of the chain, step by step.  Yields T+1 tensors (B, *D)."""
    x = x_0
    yield x
    for t in range(1, s.T + 1):
        x = q_step(s, x, t).sample(generator=generator)
        yield x


def kl_to_prior(s: Schedule, x_0: Tensor, t: Index | None = None) -> Tensor:
    """KL( q(x_t | x_0) || N(0, I) ), (B,) nats; t defaults to T, where it is the term L_T of the bound."""
    q = q_marginal(s, x_0, s.T if t is None else t)
    return kl(q, Gaussian(zeros_like(x_0), ones_like(x_0)))
