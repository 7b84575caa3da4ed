r"""What a network costs on codes and on pixels.  Equations (12.12) to (12.13)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from diffkit.equations.draws import F64
from diffkit.equations.registry import Sides, twin


def _whole(g: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (1,), generator=g))


def _counted(H: int, W: int, k: int, inside: int, outside: int) -> Tensor:
    """Multiplications of a convolution, counted by itself: every product is 1 times 1, and the sums count them."""
    ones = torch.ones(1, inside, H + k - 1, W + k - 1, dtype=F64)
    return F.conv2d(ones, torch.ones(outside, inside, k, k, dtype=F64)).sum()


@twin(
    "12.12",
    r"M = H\,W\,k^2\,C_{\mathrm{in}}\,C_{\mathrm{out}}",
    symbols="lat_M lat_conv",
)
def multiplications(g: torch.Generator) -> Sides:
    """Four convolutions of ones with ones, whose sums count their products, and the formula."""
    sizes = [
        (_whole(g, 2, 9), _whole(g, 2, 9), 2 * _whole(g, 0, 2) + 1, _whole(g, 1, 6), _whole(g, 1, 6)) for _ in range(4)
    ]
    formula = [H * W * k * k * inside * outside for H, W, k, inside, outside in sizes]
    return Sides(torch.stack([_counted(*s) for s in sizes]), torch.tensor(formula, dtype=F64))


@twin(
    "12.13",
    r"\frac{T\,M}{T\,M / f^2 + M_D} = \frac{f^2}{1 + f^2 M_D / (T\,M)} \;\longrightarrow\; f^2",
    symbols="T lat_M lat_f",
    source="Rombach et al. 2022, section 4.1",
)
def cost_ratio(g: torch.Generator) -> Sides:
    """One network at both sizes and one decoding, their products counted, and the formula, for three values of T."""
    f, inside, side = _whole(g, 2, 4), _whole(g, 1, 4), _whole(g, 1, 3)
    pixel, small = (_counted(n, n, 3, inside, inside) for n in (f * side, side))
    decoding = _counted(f * side, f * side, 3, inside, 1)
    T = torch.tensor([1.0, 10.0, 1000.0], dtype=F64)
    return Sides(T * pixel / (T * small + decoding), f**2 / (1 + f**2 * decoding / (T * pixel)))
