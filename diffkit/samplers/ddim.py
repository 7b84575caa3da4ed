"""DDIM: a family of samplers, from deterministic (eta = 0) to ancestral (eta = 1), that may skip steps.

Source: Song, Meng & Ermon 2021, "Denoising diffusion implicit models", eq. 12 and 16.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from diffkit.errors import RangeError
from diffkit.samplers.affine import Affine, affine_chain
from diffkit.samplers.checks import check_count, check_output, check_positive, check_state
from diffkit.samplers.path import Noise, Path, Times, make_path, posterior_std
from diffkit.samplers.step import Model, Step


def ddim(
    eps: Model,
    noise: Noise,
    x_T: Tensor,
    *,
    times: Times | None = None,
    eta: float = 0.0,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """x_s = alpha_s x_0_hat + sqrt(sigma_s^2 - c^2) eps(x_t, t) + c z, x_0_hat = (x_t - sigma_t eps)/alpha_t.

    noise: a Schedule or an SDE.  x_T: (B, *D), at times[0].
    times: falling, default every step of a Schedule; see `uniform_times` and `time_grid`.
    eta >= 0 scales the noise, c = eta sqrt(beta_tilde).  0 is deterministic; 1, with every step, is `ancestral`
    with variance beta_tilde.
    """
    check_state(x_T, generator)
    path = make_path(noise, x_T, times)
    return affine_chain(eps, x_T, path.times, path.given[:-1], ddim_kernel(path, eta), generator)


def ddim_kernel(path: Path, eta: float = 0.0) -> Affine:
    """Coefficients of each step t -> s of the path, for any alpha and sigma.

    Song, Meng & Ermon 2021, eq. 12 and 16, where alpha^2 + sigma^2 = 1.
    """
    alpha, sigma = (torch.tensor(v, dtype=torch.float64) for v in (path.alpha, path.sigma))
    c = check_positive(eta, "eta", zero=True) * posterior_std(alpha, sigma)
    if eta > 1 and bool((c > sigma[1:]).any()):
        raise RangeError(f"eta = {eta} asks for more noise than a level has: stay in 0..1, or take more steps")
    from_eps = (sigma[1:] ** 2 - c**2).clamp(min=0).sqrt()  # below 0 by rounding only
    a, b = transfer(alpha[:-1], sigma[:-1], alpha[1:], from_eps)
    return Affine(a.tolist(), b.tolist(), c.tolist())


def transfer(alpha_t: Tensor, sigma_t: Tensor, alpha_s: Tensor, sigma_s: Tensor) -> tuple[Tensor, Tensor]:
    """(a, b) of a x_t + b eps = alpha_s x_0_hat + sigma_s eps: the same parts, put together at level s."""
    a = alpha_s / alpha_t
    return a, sigma_s - a * sigma_t


def ddim_invert(
    eps: Model, noise: Noise, x_0: Tensor, *, times: Times | None = None, refine: int = 0
) -> Iterator[Step]:
    """From data to the noise that DDIM (eta = 0) maps back to it.  times: rising, default all of a Schedule.

    A step from x_s up to x_t needs eps at x_t, which is not known yet.  The first guess is eps(x_s, t); each of
    `refine` rounds asks again at the x_t that this gave.  Where that converges, the inverse is exact.
    Costs 1 + refine calls a step.
    """
    check_state(x_0)
    path = make_path(noise, x_0, times, rising=True)
    check_count(refine, "refine", lowest=0)
    down = Path(path.times[::-1], path.given[::-1], path.alpha[::-1], path.sigma[::-1])
    return _invert(eps, path, ddim_kernel(down), x_0, refine)


@torch.no_grad()
def _invert(eps: Model, path: Path, k: Affine, x: Tensor, refine: int) -> Iterator[Step]:
    yield Step(path.times[0], x)
    for t, given, a, b in zip(path.times[1:], path.given[1:], k.a[::-1], k.b[::-1], strict=True):
        x_s = x
        for _ in range(1 + refine):
            out = eps(x, given)
            check_output(out, x.shape)
            x = torch.sub(x_s, out, alpha=b).div_(a)  # solves x_s = a x + b eps for x, with eps held
        yield Step(t, x, out)
