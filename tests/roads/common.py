"""What the answers by another road share."""

import torch
from torch import Tensor


def col(values: Tensor, x: Tensor) -> Tensor:
    """(B,) coefficients in x's dtype, shaped to multiply x: (B, *D)."""
    return values.to(x).reshape(-1, *[1] * (x.ndim - 1))


def snr(alpha_bar: Tensor) -> Tensor:
    """Signal-to-noise ratio, infinite where alpha_bar is 1."""
    return alpha_bar / (1 - alpha_bar)


def log_normal(x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    """log N(x; mean, var I) of each example, (B,)."""
    std = torch.as_tensor(var).sqrt().to(x).expand_as(x)
    return torch.distributions.Normal(mean, std).log_prob(x).flatten(1).sum(1)


def squares(x: Tensor) -> Tensor:
    """Sum of squares of each example, (B,)."""
    return x.flatten(1).square().sum(1)
