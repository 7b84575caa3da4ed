"""Gaussians in closed form: density, sampling, affine maps, sums, products, conditioning, KL, entropy.

Two classes, because the two storage forms have different costs:
`Gaussian` has independent coordinates and a batch of any shape (images included);
`FullGaussian` has a full covariance matrix over a vector.

Source: Bishop 2006, section 2.3.  All log densities, entropies and divergences are in nats.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True, eq=False)
class Gaussian:
    """N(mean, diag(var)).  mean: (B, *D); var: broadcastable to mean, >= 0.  The first axis counts examples."""

    mean: Tensor
    var: Tensor

    def __post_init__(self) -> None:
        _check_floating(self.mean, self.var)
        if _broadcast(self.mean.shape, self.var.shape) != self.mean.shape:
            raise ShapeError(
                f"var has shape {tuple(self.var.shape)}, mean has {tuple(self.mean.shape)}: var must broadcast "
                "to mean; one variance per example needs shape (B, 1, .., 1)"
            )

    @property
    def std(self) -> Tensor:
        """Standard deviation, in var's shape."""
        return self.var.sqrt()

    def log_prob(self, x: Tensor) -> Tensor:
        """log density of x: (B, *D), summed over D.  Returns (B,) nats.  Raises RangeError where a variance is 0."""
        _check_floating(x)
        check_fit(x, self.mean)
        check_has_density(self)
        z = (x - self.mean) ** 2 / self.var + torch.log(self.var) + LOG_2PI
        return -0.5 * sum_event(z)

    def sample(self, *, generator: torch.Generator | None = None, noise: Tensor | None = None) -> Tensor:
        """mean + std * noise, shape (B, *D).  The noise is drawn with the generator unless it is given."""
        if noise is None:
            noise = randn_like(self.mean, generator)
        _check_floating(noise)
        check_fit(noise, self.mean)
        return self.mean + self.std * noise

    def entropy(self) -> Tensor:
        """Differential entropy, (B,) nats."""
        return 0.5 * sum_event((torch.log(self.var) + LOG_2PI + 1).expand_as(self.mean))

    def affine(self, scale: Tensor | float, shift: Tensor | float = 0.0) -> "Gaussian":
        """Distribution of scale * x + shift, coordinate by coordinate."""
        scale = torch.as_tensor(scale, dtype=self.mean.dtype, device=self.mean.device)
        return Gaussian(scale * self.mean + shift, scale**2 * self.var)

    def __add__(self, other: "Gaussian") -> "Gaussian":
        """Distribution of the sum of two independent Gaussians: means add, variances add."""
        check_fit(self.mean, other.mean)
        return Gaussian(self.mean + other.mean, self.var + other.var)


@dataclass(frozen=True, eq=False)
class FullGaussian:
    """N(mean, cov).  mean: (*B, d); cov: (*B, d, d) or (d, d), symmetric positive definite."""

    mean: Tensor
    cov: Tensor

    def __post_init__(self) -> None:
        _check_floating(self.mean, self.cov)
        if self.cov.dtype not in (torch.float32, torch.float64):
            raise RangeError(f"cov is {self.cov.dtype}: a covariance is factorised in float32 or float64")
        d = self.mean.shape[-1] if self.mean.ndim else 0
        if self.mean.ndim == 0 or self.cov.ndim < 2 or self.cov.shape[-2:] != (d, d):
            raise ShapeError(
                f"mean has shape {tuple(self.mean.shape)}, cov {tuple(self.cov.shape)}: pass (d,) and (d, d)"
            )

    def log_prob(self, x: Tensor) -> Tensor:
        """log density of x: (*B, d).  Returns (*B,) nats."""
        _check_floating(x)
        batch = _broadcast(self.mean.shape[:-1], self.cov.shape[:-2])
        if x.shape[-1:] != self.mean.shape[-1:] or batch is None or _broadcast(x.shape[:-1], batch) is None:
            raise ShapeError(f"x is {tuple(x.shape)}, the mean {tuple(self.mean.shape)}: pass points (*B, d)")
        chol = _cholesky(self.cov)
        z = torch.linalg.solve_triangular(chol, (x - self.mean).unsqueeze(-1), upper=False).squeeze(-1)
        return -0.5 * ((z**2).sum(-1) + x.shape[-1] * LOG_2PI) - _half_log_det(chol)

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws, (n, *B, d)."""
        batch = torch.broadcast_shapes(self.mean.shape[:-1], self.cov.shape[:-2])
        noise = randn_like(self.mean.expand(n, *batch, self.mean.shape[-1]), generator)
        return self.mean + (_cholesky(self.cov) @ noise.unsqueeze(-1)).squeeze(-1)

    def entropy(self) -> Tensor:
        """Differential entropy in nats."""
        return 0.5 * self.mean.shape[-1] * (1 + LOG_2PI) + _half_log_det(_cholesky(self.cov))

    def affine(self, A: Tensor, b: Tensor | float = 0.0, noise: Tensor | float = 0.0) -> "FullGaussian":
        """Distribution of A x + b + e with e ~ N(0, noise).  A: (m, d); b: (m,); noise: (m, m)."""
        return FullGaussian((A @ self.mean.unsqueeze(-1)).squeeze(-1) + b, A @ self.cov @ A.mT + noise)

    def __add__(self, other: "FullGaussian") -> "FullGaussian":
        """Distribution of the sum of two independent Gaussians."""
        return FullGaussian(self.mean + other.mean, self.cov + other.cov)

    def marginal(self, keep: list[int]) -> "FullGaussian":
        """Distribution of the coordinates in keep, in that order."""
        return FullGaussian(self.mean[..., keep], self.cov[..., keep, :][..., keep])

    def condition(self, on: list[int], value: Tensor) -> "FullGaussian":
        """Distribution of the other coordinates, given x[on] = value: (*B, len(on)).  Bishop 2006, eq. 2.81-2.82."""
        rest = [i for i in range(self.mean.shape[-1]) if i not in on]
        if not rest:
            raise RangeError("every coordinate is conditioned on: leave at least one to have a distribution of")
        S_ro, S_oo = self.cov[..., rest, :][..., on], self.cov[..., on, :][..., on]
        gain = torch.linalg.solve(S_oo, S_ro.mT).mT
        mean = self.mean[..., rest] + (gain @ (value - self.mean[..., on]).unsqueeze(-1)).squeeze(-1)
        return FullGaussian(mean, self.cov[..., rest, :][..., rest] - gain @ S_ro.mT)


def kl(q: Gaussian | FullGaussian, p: Gaussian | FullGaussian) -> Tensor:
    """KL(q || p) in nats: (B,) for two `Gaussian`s, (*B,) for two `FullGaussian`s."""
    if isinstance(q, Gaussian) and isinstance(p, Gaussian):
        check_fit(q.mean, p.mean)
        check_has_density(p)
        if q.var.device.type == "cpu" and bool((q.var < 0).any()):
            raise RangeError("a variance of q is negative")
        ratio = q.var / p.var
        return 0.5 * sum_event((q.mean - p.mean) ** 2 / p.var + ratio - 1 - torch.log(ratio))
    if isinstance(q, FullGaussian) and isinstance(p, FullGaussian):
        _check_same_space(q, p)
        chol_q, chol_p = _cholesky(q.cov), _cholesky(p.cov)
        m = torch.linalg.solve_triangular(chol_p, chol_q, upper=False)
        z = torch.linalg.solve_triangular(chol_p, (q.mean - p.mean).unsqueeze(-1), upper=False).squeeze(-1)
        trace_and_fit = (m**2).sum((-2, -1)) + (z**2).sum(-1) - q.mean.shape[-1]
        return 0.5 * trace_and_fit + _half_log_det(chol_p) - _half_log_det(chol_q)
    raise ShapeError("kl needs two Gaussians of the same kind: both diagonal or both full")


def product(p: Gaussian, q: Gaussian) -> tuple[Gaussian, Tensor]:
    """The normalised product of two densities, and the log of its normaliser.

    p(x) q(x) = exp(log_z) g(x); returns (g, log_z), log_z: (B,).  Precisions add; means are weighted by precision.
    """
    check_fit(q.mean, p.mean)
    check_has_density(p)
    check_has_density(q)
    var = 1 / (1 / p.var + 1 / q.var)
    mean = var * (p.mean / p.var + q.mean / q.var)
    return Gaussian(mean, var), Gaussian(p.mean, p.var + q.var).log_prob(q.mean)


def sum_event(x: Tensor) -> Tensor:
    """Sum over every axis but the first: (B, *D) -> (B,)."""
    return x.flatten(1).sum(1) if x.ndim > 1 else x


def randn_like(x: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal noise in x's shape, dtype and device (torch.randn_like takes no generator)."""
    return torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)


def _check_floating(*tensors: Tensor) -> None:
    for x in tensors:
        if not isinstance(x, Tensor) or not x.is_floating_point():
            kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
            raise RangeError(f"a Gaussian is made of floating-point tensors, not {kind}: use x.float()")


def _broadcast(*shapes: torch.Size) -> torch.Size | None:
    """The shape of a sum of tensors of these shapes, or None if there is none."""
    try:
        return torch.broadcast_shapes(*shapes)
    except RuntimeError:
        return None


def check_fit(a: Tensor, b: Tensor) -> None:
    """Raise ShapeError unless a + b has the shape of a or of b.

    (B,) + (B, 1) would be (B, B), each example with every other, without a word.
    """
    if _broadcast(a.shape, b.shape) not in (a.shape, b.shape):
        raise ShapeError(
            f"shapes {tuple(a.shape)} and {tuple(b.shape)} do not fit: pass (B, *D), the first axis counts examples"
        )


def _check_same_space(q: FullGaussian, p: FullGaussian) -> None:
    batches = [shape for v in (q, p) for shape in (v.mean.shape[:-1], v.cov.shape[:-2])]
    if q.mean.shape[-1] != p.mean.shape[-1] or _broadcast(*batches) is None:
        of_q, of_p = ((tuple(v.mean.shape), tuple(v.cov.shape)) for v in (q, p))
        raise ShapeError(f"q has the shapes {of_q}, p {of_p}: both need vectors of one length, in batches that fit")


def check_has_density(p: Gaussian) -> None:
    """Raise RangeError where a variance is not positive.  On the CPU only: on a GPU this would stall the device."""
    if p.var.device.type == "cpu" and not bool((p.var > 0).all()):
        raise RangeError("a variance is 0, negative or nan: such a Gaussian is a point and has no density there")


def _cholesky(cov: Tensor) -> Tensor:
    chol, info = torch.linalg.cholesky_ex(cov)
    if bool((info != 0).any()):
        raise RangeError("the covariance is not positive definite: is it symmetric, and are all variances > 0?")
    return chol


def _half_log_det(chol: Tensor) -> Tensor:
    return torch.log(torch.diagonal(chol, dim1=-2, dim2=-1)).sum(-1)
