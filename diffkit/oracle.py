"""Gaussian mixtures whose every noisy marginal is known exactly.

If x_0 comes from a mixture and x = alpha x_0 + sigma eps with eps ~ N(0, I), then the density of x, its score, the
denoiser E[x_0 | x] and the whole posterior q(x_0 | x) are closed forms, for every (alpha, sigma): variance preserving
(alpha^2 + sigma^2 = 1), variance exploding (alpha = 1), or any other.  Everything estimated elsewhere is held against
these.

Each covariance is diagonalised once, S_k = U_k diag(l_k) U_k^T.  Noise only shifts and scales the eigenvalues,
alpha^2 l_k + sigma^2, so no noise level ever needs another factorisation.

Shapes: K components in d dimensions; x: (B, d); alpha, sigma: numbers or (B,).
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import LOG_2PI, FullGaussian
from diffkit.schedule import alongside

Level = float | Tensor


@dataclass(frozen=True, eq=False)
class Posterior:
    """q(x_0 | x): for each of B observations a mixture.  weights: (B, K); means: (B, K, d); covs: (B, K, d, d)."""

    weights: Tensor
    means: Tensor
    covs: Tensor

    @property
    def mean(self) -> Tensor:
        """E[x_0 | x], (B, d)."""
        return (self.weights.unsqueeze(-1) * self.means).sum(1)

    def log_prob(self, x_0: Tensor) -> Tensor:
        """log q(x_0 | x) for one x_0 per observation.  x_0: (B, d).  Returns (B,) nats."""
        parts = FullGaussian(self.means, self.covs).log_prob(x_0.unsqueeze(1))
        return torch.logsumexp(torch.log(self.weights) + parts, dim=1)

    def sample(self, *, generator: torch.Generator | None = None) -> Tensor:
        """One draw per observation, (B, d)."""
        k = torch.multinomial(self.weights, 1, generator=generator).squeeze(1)
        rows = torch.arange(len(k), device=k.device)
        return FullGaussian(self.means[rows, k], self.covs[rows, k]).sample(1, generator=generator)[0]


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """sum_k weights[k] N(means[k], covs[k]).  weights: (K,), positive, summing to 1; means: (K, d); covs: (K, d, d)."""

    weights: Tensor
    means: Tensor
    covs: Tensor
    _eigen: tuple[Tensor, Tensor] = field(init=False, repr=False)  # eigenvalues (K, d) >= 0, eigenvectors (K, d, d)

    def __post_init__(self) -> None:
        K, d = self.means.shape if self.means.ndim == 2 else (-1, -1)
        if self.weights.shape != (K,) or self.covs.shape != (K, d, d):
            raise ShapeError(
                f"weights {tuple(self.weights.shape)}, means {tuple(self.means.shape)}, covs {tuple(self.covs.shape)}: "
                "pass (K,), (K, d) and (K, d, d)"
            )
        if bool((self.weights <= 0).any()) or abs(float(self.weights.sum()) - 1) > 1e-6:
            raise RangeError("the weights must be positive and sum to 1: divide them by their sum")
        object.__setattr__(self, "_eigen", _diagonalised(self.covs))

    @classmethod
    def isotropic(cls, weights: Tensor, means: Tensor, var: Level) -> "GaussianMixture":
        """Components N(means[k], var[k] I).  var: a number or (K,)."""
        if means.ndim != 2 or not means.is_floating_point():
            raise ShapeError(
                f"means is {means.dtype} {tuple(means.shape)}: pass floating-point rows, one a component, (K, d)"
            )
        if isinstance(var, Tensor) and var.shape not in ((), (1,), (len(means),)):
            raise ShapeError(f"var has shape {tuple(var.shape)}: pass a number, or one per component, ({len(means)},)")
        eye = torch.eye(means.shape[-1], dtype=means.dtype, device=means.device)
        var = torch.as_tensor(var, dtype=means.dtype, device=means.device).expand(len(means))
        return cls(weights, means, var[:, None, None] * eye)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> "GaussianMixture":
        """The same mixture on another device or in another dtype."""
        return GaussianMixture(*(a.to(device=device, dtype=dtype) for a in (self.weights, self.means, self.covs)))

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        """n draws, (n, d)."""
        k = torch.multinomial(self.weights, n, replacement=True, generator=generator)
        values, vectors = self._eigen
        noise = torch.randn(n, self.means.shape[1], generator=generator, dtype=self.means.dtype, device=k.device)
        scaled = values.sqrt()[k] * noise
        return self.means[k] + (vectors[k] @ scaled.unsqueeze(-1)).squeeze(-1)

    def noised(self, alpha: float, sigma: float) -> "GaussianMixture":
        """Distribution of alpha x_0 + sigma eps, again a mixture with the same weights."""
        eye = torch.eye(self.means.shape[1], dtype=self.means.dtype, device=self.means.device)
        return GaussianMixture(self.weights, alpha * self.means, alpha**2 * self.covs + sigma**2 * eye)

    def log_prob(self, x: Tensor, alpha: Level = 1.0, sigma: Level = 0.0) -> Tensor:
        """log density of the noised mixture at x: (B, d).  Returns (B,) nats."""
        return torch.logsumexp(self._log_joint(x, alpha, sigma), dim=1)

    def responsibilities(self, x: Tensor, alpha: Level = 1.0, sigma: Level = 0.0) -> Tensor:
        """p(component k | x), (B, K)."""
        return torch.softmax(self._log_joint(x, alpha, sigma), dim=1)

    def score(self, x: Tensor, alpha: Level = 1.0, sigma: Level = 0.0) -> Tensor:
        """grad_x log p(x) of the noised mixture, (B, d)."""
        y, var = self._whiten(x, alpha, sigma)  # once for both, since samplers spend their time here
        r = torch.softmax(self._log_weighted(y, var), dim=1).unsqueeze(-1)
        return (r * self._component_scores(y, var)).sum(1)

    def score_jacobian(self, x: Tensor, alpha: Level = 1.0, sigma: Level = 0.0) -> Tensor:
        """Hessian of log p(x) of the noised mixture, (B, d, d)."""
        r = self.responsibilities(x, alpha, sigma)
        y, var = self._whiten(x, alpha, sigma)
        s_k = self._component_scores(y, var)
        vectors = self._eigen[1]
        precision = torch.einsum("kij,bkj,klj->bkil", vectors, 1 / var, vectors)
        s = (r.unsqueeze(-1) * s_k).sum(1)
        outer = torch.einsum("bk,bki,bkj->bij", r, s_k, s_k)
        return outer - torch.einsum("bk,bkij->bij", r, precision) - s.unsqueeze(-1) * s.unsqueeze(-2)

    def posterior(self, x: Tensor, alpha: Level, sigma: Level) -> Posterior:
        """q(x_0 | x), given x = alpha x_0 + sigma eps, as a mixture per observation."""
        y, var = self._whiten(x, alpha, sigma)
        values, vectors = self._eigen
        a, s = self._levels(x, alpha, sigma)
        means = self.means + torch.einsum("kij,bkj->bki", vectors, a * values / var * y)
        covs = torch.einsum("kij,bkj,klj->bkil", vectors, s**2 * values / var, vectors)
        return Posterior(self.responsibilities(x, alpha, sigma), means, covs)

    def denoiser(self, x: Tensor, alpha: Level, sigma: Level) -> Tensor:
        """E[x_0 | x], (B, d): the best guess of the clean point in mean square."""
        y, var = self._whiten(x, alpha, sigma)
        values, vectors = self._eigen
        a, _ = self._levels(x, alpha, sigma)
        means = self.means + torch.einsum("kij,bkj->bki", vectors, a * values / var * y)
        return (self.responsibilities(x, alpha, sigma).unsqueeze(-1) * means).sum(1)

    def eps(self, x: Tensor, alpha: Level, sigma: Level) -> Tensor:
        """E[eps | x] = -sigma score(x), (B, d): the best noise predictor in mean square."""
        return -self._levels(x, alpha, sigma)[1].squeeze(-1) * self.score(x, alpha, sigma)

    def reverse(self, x_t: Tensor, level_s: tuple[float, float], level_t: tuple[float, float]) -> Posterior:
        """The exact reverse kernel q(x_s | x_t), s < t, each level as (alpha, sigma).

        Given x_s, x_t = (alpha_t/alpha_s) x_s + noise; so x_s plays the part of the data, observed through x_t.
        """
        (a_s, s_s), (a_t, s_t) = level_s, level_t
        ratio = a_t / a_s
        extra = s_t**2 - (ratio * s_s) ** 2
        if extra <= 0:
            raise RangeError("level_t must be noisier than level_s: sigma_t/alpha_t must exceed sigma_s/alpha_s")
        return self.noised(a_s, s_s).posterior(x_t, ratio, extra**0.5)

    def _levels(self, x: Tensor, alpha: Level, sigma: Level) -> tuple[Tensor, Tensor]:
        """alpha and sigma as (B or 1, 1, 1), ready for (B, K, d)."""
        if x.ndim != 2 or x.shape[1] != self.means.shape[1]:
            raise ShapeError(f"x has shape {tuple(x.shape)}: this mixture needs (B, {self.means.shape[1]})")
        out = [alongside(v, x).reshape(-1, 1, 1) for v in (alpha, sigma)]
        if any(len(v) not in (1, len(x)) for v in out):
            raise ShapeError("alpha and sigma must be numbers or hold one value per row of x")
        return out[0], out[1]

    def _whiten(self, x: Tensor, alpha: Level, sigma: Level) -> tuple[Tensor, Tensor]:
        """x - alpha mean in each component's eigenbasis, and the noisy eigenvalues; both (B, K, d)."""
        a, s = self._levels(x, alpha, sigma)
        values, vectors = self._eigen
        y = torch.einsum("kji,bkj->bki", vectors, x.unsqueeze(1) - a * self.means)
        return y, (a**2 * values + s**2).expand_as(y)

    def _log_joint(self, x: Tensor, alpha: Level, sigma: Level) -> Tensor:
        """log weights[k] + log N(x; component k), (B, K)."""
        return self._log_weighted(*self._whiten(x, alpha, sigma))

    def _log_weighted(self, y: Tensor, var: Tensor) -> Tensor:
        return torch.log(self.weights) - 0.5 * (y**2 / var + torch.log(var) + LOG_2PI).sum(-1)

    def _component_scores(self, y: Tensor, var: Tensor) -> Tensor:
        return -torch.einsum("kij,bkj->bki", self._eigen[1], y / var)


def _diagonalised(covs: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, (K, d), and eigenvectors, (K, d, d), after checking that the matrices are covariances.

    Rounding makes a negative number of an eigenvalue 0, the larger the others are: it is 0 again in what comes back.
    """
    if bool(torch.isfinite(covs).all()) and torch.allclose(covs, covs.mT):
        values, vectors = torch.linalg.eigh(covs)
        rounding = 8 * covs.shape[-1] * torch.finfo(values.dtype).eps * values.abs().amax(-1, keepdim=True)
        if not bool((values < -rounding.clamp(min=1e-12)).any()):
            return values.clamp(min=0), vectors
    raise RangeError("each covariance must be finite, symmetric and positive semi-definite")
