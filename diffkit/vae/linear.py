"""The one latent variable model whose likelihood is known: everything linear and Gaussian.

    z ~ N(0, I),   x | z ~ N(W z + b, var I).
Then x ~ N(b, W W^T + var I), and p(z | x) is a Gaussian too, so the gap of any bound is known.

Source: Tipping & Bishop 1999 (probabilistic principal component analysis); Bishop 2006, eq. 12.35 and 12.42.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import FullGaussian, Gaussian


@dataclass(frozen=True, eq=False)
class LinearModel:
    """W: (d, k); b: (d,); var: a number > 0."""

    W: Tensor
    b: Tensor
    var: float

    def __post_init__(self) -> None:
        if self.W.ndim != 2 or self.b.shape != self.W.shape[:1]:
            raise ShapeError(f"W is {tuple(self.W.shape)}, b is {tuple(self.b.shape)}: pass (d, k) and (d,)")
        if not self.var > 0:
            raise RangeError(f"var = {self.var}: the variance of the noise must be positive")

    def decoder(self, z: Tensor) -> Gaussian:
        """p(x | z).  z: (B, k)."""
        return Gaussian(z @ self.W.T + self.b, self.W.new_tensor(self.var))

    @property
    def marginal(self) -> FullGaussian:
        """p(x): N(b, W W^T + var I)."""
        return FullGaussian(self.b, self.W @ self.W.T + self.var * _eye(self.W, 0))

    def posterior(self, x: Tensor) -> FullGaussian:
        """p(z | x) = N(M^-1 W^T (x - b), var M^-1), M = W^T W + var I.  x: (B, d); mean (B, k), cov (B, k, k)."""
        inverse = torch.linalg.inv(self.W.T @ self.W + self.var * _eye(self.W, 1))
        mean = (x - self.b) @ self.W @ inverse.T
        return FullGaussian(mean, (self.var * inverse).expand(len(x), *inverse.shape))


def _eye(W: Tensor, axis: int) -> Tensor:
    return torch.eye(W.shape[axis], dtype=W.dtype, device=W.device)
