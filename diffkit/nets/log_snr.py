"""A noise schedule that is learned: the log signal-to-noise ratio as a small network that can only fall.

The diffusion part of the bound in continuous time depends on the schedule through its two ends alone; the path between
them changes only how much a one-draw estimate of the bound varies, and may be learned to make that little.

Source: Kingma et al. 2021 (variational diffusion models), section 5 and appendix H.  Their gamma is minus our log SNR.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffkit.errors import RangeError, ShapeError
from diffkit.schedule import Schedule, from_log_snr


class LogSnr(nn.Module):
    """log SNR(u) at the continuous time u in [0, 1], falling from `highest` at u = 0 to `lowest` at u = 1.

    A straight line plus a hidden layer of sigmoids, all weights kept positive by softplus, rescaled to its ends.
    The ends are parameters too; `requires_grad_(False)` on them holds them fixed.  Returns (B,) for u: (B,).
    Raises RangeError or ShapeError for times outside [0, 1], ends in the wrong order, or no hidden unit.
    """

    def __init__(self, highest: float = 10.0, lowest: float = -10.0, *, width: int = 64) -> None:
        super().__init__()
        if width < 1 or not lowest < highest:
            raise RangeError(
                f"width = {width}, highest = {highest}, lowest = {lowest}: needs width > 0, highest > lowest"
            )
        self.highest = nn.Parameter(torch.tensor(float(highest)))
        self.lowest = nn.Parameter(torch.tensor(float(lowest)))
        self.slope = nn.Parameter(torch.tensor(1.0))
        self.steepness = nn.Parameter(torch.full((width,), 10.0))
        self.middle = nn.Parameter(torch.linspace(0, 1, width))
        self.height = nn.Parameter(torch.full((width,), -5.0))

    def forward(self, u: Tensor) -> Tensor:
        u = check_unit(u)
        start, end = self._rise(u.new_zeros(1)), self._rise(u.new_ones(1))
        return self.highest + (self.lowest - self.highest) * (self._rise(u) - start) / (end - start)

    def _rise(self, u: Tensor) -> Tensor:
        steps = torch.sigmoid(F.softplus(self.steepness) * (u.unsqueeze(1) - self.middle))
        return F.softplus(self.slope) * u + (F.softplus(self.height) * steps).sum(1)

    @torch.no_grad()
    def schedule(self, T: int) -> Schedule:
        """T steps of it: t = 1 has the ratio of u = 0, t = T that of u = 1, evenly spaced in u between."""
        if not isinstance(T, int) or T < 2:
            raise RangeError(f"T = {T!r}: a path with two ends needs at least 2 whole steps")
        u = torch.linspace(0, 1, T, dtype=torch.float64, device=self.highest.device)
        return from_log_snr(self.double_copy()(u))

    def double_copy(self) -> "LogSnr":
        """The same function in float64: neighbours of a long table differ by less than float32 can tell."""
        copy = LogSnr(width=len(self.height)).to(self.highest.device, torch.float64)
        copy.load_state_dict(self.state_dict())
        return copy


def check_unit(u: Tensor) -> Tensor:
    """u unchanged, after checking that it is (B,) in [0, 1] (the values on a CPU only: a GPU would be stalled)."""
    if not isinstance(u, Tensor) or u.ndim != 1 or not u.is_floating_point():
        got = f"{u.dtype} {tuple(u.shape)}" if isinstance(u, Tensor) else type(u).__name__
        raise ShapeError(f"u is {got}: pass one floating-point time in [0, 1] per example, shape (B,)")
    if u.device.type == "cpu" and not bool(((u >= 0) & (u <= 1)).all()):
        raise RangeError("u must lie in [0, 1]: 0 is the least noise, 1 the most")
    return u
