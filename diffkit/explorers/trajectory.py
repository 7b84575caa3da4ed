"""The way back from noise: images, what the network believes they will become, and points in the plane, at every t.

All frames were computed by a sampler; the browser only picks the one that belongs to the slider.
"""

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List, validate

from diffkit import plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers.base import Explorer, packed, script
from diffkit.figure import Figure
from diffkit.schedule import Schedule

MOST_BYTES = 20_000_000  # of frames: they all travel to the browser


class Trajectory(Explorer):
    """One slider over the steps taken, 0..T; the state shown is that of t = T - taken.  Python may set `taken` too."""

    _esm = script("trajectory.js")

    taken = Int().tag(sync=True)
    T = Int().tag(sync=True)
    image_shape = List(Int()).tag(sync=True)  # n, H, W
    frames = Bytes().tag(sync=True)  # (T+1, 2, n, H, W) uint8: x_t, and the guess of x_0
    count = Int().tag(sync=True)
    reach = Float().tag(sync=True)  # half the width of the frame of the points
    points = Bytes().tag(sync=True)  # (T+1, m, 2) float32
    tables = Bytes().tag(sync=True)  # (2, T+1) float64 by t: alpha_bar, SNR

    def __init__(self, images: Tensor, guesses: Tensor, points: Tensor, schedule: Schedule) -> None:
        self.schedule, self.pair, self.cloud = schedule, torch.stack([images, guesses], 1), points
        black, white = plots.GRAY_RANGE
        gray = ((self.pair - black) / (white - black)).clamp(0, 1) * 255
        super().__init__(
            T=schedule.T,
            image_shape=list(images.shape[1:]),
            frames=packed(gray.round(), "u1"),
            count=points.shape[1],
            reach=1.1 * float(points.abs().flatten(1).float().quantile(0.99, dim=1).max()),  # of all moments
            points=packed(points, "<f4"),
            tables=packed(torch.stack([schedule.alpha_bar, schedule.snr]), "<f8"),
        )

    @validate("taken")
    def _check_taken(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] <= self.schedule.T:
            raise RangeError(f"taken = {proposal['value']}: from 0 (all noise) to {self.schedule.T} (done)")
        return proposal["value"]

    def picture(self) -> Figure:
        """Both rows of images at five moments of the way, and the present one first."""
        T = self.schedule.T
        taken = [self.taken, 0, T // 2, (3 * T) // 4, T]
        alt = (
            f"The way from noise to images in {T} steps, at t = {', '.join(str(T - k) for k in taken)}: the first "
            "image, above as it is, below as the network believes it will become. The noise turns into a clean image."
        )
        titles = [f"now, t = {T - self.taken}", *(f"t = {T - k}" for k in taken[1:])]
        return plots.image_grid(self.pair[taken, :, 0].transpose(0, 1), titles, ["$x_t$", r"$\hat{x}_0$"], alt)


def trajectory(images: Tensor, guesses: Tensor, points: Tensor, schedule: Schedule) -> Trajectory:
    """An explorer of a sampler's way from t = T (first entry) to t = 0 (last).

    images, guesses: (T+1, n, H, W) or (T+1, n, 1, H, W), x_t and the guess of x_0, gray, in [-1, 1] when clean;
    points: (T+1, m, 2), another run with the same schedule.
    """
    images, guesses = (x.detach().cpu().squeeze(2) if x.ndim == 5 else x.detach().cpu() for x in (images, guesses))
    points = points.detach().cpu()
    if images.ndim != 4 or images.shape != guesses.shape:
        raise ShapeError(
            f"images {tuple(images.shape)}, guesses {tuple(guesses.shape)}: pass gray images, both (T+1, n, 1, H, W)"
        )
    if points.ndim != 3 or points.shape[2] != 2:
        raise ShapeError(f"points are {tuple(points.shape)}: pass (T+1, m, 2)")
    if not len(images) == len(points) == schedule.T + 1:
        raise ShapeError(
            f"{len(images)} frames of images, {len(points)} of points, T = {schedule.T}: pass T + 1 of each, x_T first"
        )
    if 2 * images.numel() + 4 * points.numel() > MOST_BYTES:
        raise RangeError("these are too many frames for a browser: pass fewer images or points")
    return Trajectory(images, guesses, points, schedule)
