"""Guidance strength: digits of one class beside points in the plane, where the tilted density is known exactly.

Every frame was computed beforehand, digits by the caller's network and points by the exact score; the browser picks
the one that belongs to the slider, and draws the contour lines of the tilted density.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List, validate

from diffkit import data, plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers.base import Explorer, packed, script
from diffkit.figure import Figure
from diffkit.oracle import GaussianMixture
from diffkit.samplers import reverse_kernel
from diffkit.schedule import linear

SIDE, REACH, POINTS = 61, 2.8, 250  # the square on which the density is drawn; points per class and strength
INSIDE = (0.5, 0.9)  # share of the tilted density that each contour line encloses
MOST_BYTES = 10_000_000  # of frames: they all travel to the browser


class GuidanceStrength(Explorer):
    """A slider over the strengths w and a choice of the class.  Python may set `chosen` (index into `w`), `digit`
    (row of the images) and `area` (class in the plane)."""

    _esm = script("guidance_strength.js")

    chosen = Int().tag(sync=True)
    digit = Int().tag(sync=True)
    area = Int().tag(sync=True)
    w = List(Float()).tag(sync=True)
    areas = Int().tag(sync=True)
    image_shape = List(Int()).tag(sync=True)  # digits, n, H, W
    frames = Bytes().tag(sync=True)  # (W, digits, n, H, W) uint8
    side = Int(SIDE).tag(sync=True)
    reach = Float(REACH).tag(sync=True)
    density = Bytes().tag(sync=True)  # (W, areas, SIDE, SIDE) uint16, the highest value of each is 65535
    levels = Bytes().tag(sync=True)  # (W, areas, 2) float32, where the contour lines run, in the same units
    count = Int(POINTS).tag(sync=True)
    points = Bytes().tag(sync=True)  # (W, areas, POINTS, 2) float32
    table = Bytes().tag(sync=True)  # (W, areas, 2) float64: spread of the tilted density, spread of the samples

    def __init__(self, images: Tensor, w: Sequence[float], mixture: GaussianMixture, labels: Tensor) -> None:
        self.images, self.mixture, self.labels = images, mixture, labels
        self.tilt = tilted(mixture, labels, w)
        self.cloud = guided_points(mixture, labels, w)
        top = self.tilt.amax((2, 3), keepdim=True)
        self.spreads = torch.stack([spread(self.tilt), self.cloud.var(2).sum(2)], 2)
        black, white = plots.GRAY_RANGE
        super().__init__(
            chosen=min(range(len(w)), key=lambda i: abs(w[i])),  # w = 0, the conditional model, if it is there
            w=list(w),
            areas=int(labels.max()) + 1,
            image_shape=list(images.shape[1:]),
            frames=packed((((images - black) / (white - black)).clamp(0, 1) * 255).round(), "u1"),
            density=packed((self.tilt / top * 65535).round(), "<u2"),
            levels=packed(contour_levels(self.tilt) / top.squeeze(3) * 65535, "<f4"),
            points=packed(self.cloud, "<f4"),
            table=packed(self.spreads, "<f8"),
        )

    @validate("chosen", "digit", "area")
    def _check(self, proposal: dict[str, object]) -> int:
        name, value = str(getattr(proposal["trait"], "name", "")), int(str(proposal["value"]))
        most = {"chosen": len(self.images), "digit": self.images.shape[1], "area": int(self.labels.max()) + 1}[name]
        if not 0 <= value < most:
            raise RangeError(f"{name} = {value}: choose 0 to {most - 1}")
        return value

    def picture(self) -> Figure:
        """Tilted density and samples along the first axis, and some digits, at the present strength."""
        i, j, w = self.chosen, self.area, self.w[self.chosen]
        line = torch.linspace(-REACH, REACH, SIDE, dtype=torch.float64)
        bells = torch.exp(-0.5 * ((line.unsqueeze(1) - self.cloud[i, j, :, 0]) / 0.15) ** 2).mean(1)
        across = self.tilt[i, j].sum(0)
        lines = {
            f"tilted density, w = {w:g}": across / torch.trapezoid(across, line),
            "guided samples": bells / torch.trapezoid(bells, line),
        }
        wanted, got = self.spreads[i, j].tolist()
        alt = (
            f"Guidance with w = {w:g}, s = {1 + w:g}. The tilted density and the points of the guided sampler, seen "
            f"along the first axis: variance {wanted:.2f} against {got:.2f}. Beside them digits of the same strength."
        )
        few = self.images[i, self.digit, :4]
        return plots.density_and_images(line, lines, few, [""] * len(few), alt)


def guidance_strength(
    images: Tensor,
    w: Sequence[float],
    mixture: GaussianMixture | None = None,
    labels: Tensor | None = None,
) -> GuidanceStrength:
    """An explorer of the strength of guidance.

    images: (W, digits, n, 1, H, W'), gray, in [-1, 1] when clean: n samples of each class for each strength in w, which
    rises.  mixture: in the plane, with the class of each component in labels (K,); by default `data.hills()`.
    """
    images = images.detach().cpu().squeeze(3) if images.ndim == 6 else images.detach().cpu()
    if images.ndim != 5 or len(images) != len(w):
        raise ShapeError(f"images {tuple(images.shape)} for {len(w)} strengths: pass (strengths, digits, n, 1, H, W)")
    if len(w) < 2 or any(a >= b for a, b in pairwise(w)):
        raise RangeError("w: pass at least two strengths that rise, e.g. (-1, 0, 1, 3)")
    if (mixture is None) != (labels is None):
        raise RangeError("pass a mixture and the labels of its components, or neither")
    if mixture is None or labels is None:
        mixture, labels = data.hills()
    if mixture.means.shape[1] != 2 or labels.shape != mixture.weights.shape:
        raise ShapeError("the mixture must lie in the plane, and labels hold one class per component")
    if images.numel() > MOST_BYTES:
        raise RangeError("these are too many images for a browser: pass fewer samples or strengths")
    return GuidanceStrength(images, [float(v) for v in w], mixture.to("cpu", torch.float64), labels)


def tilted(mixture: GaussianMixture, labels: Tensor, w: Sequence[float]) -> Tensor:
    """p(x) p(y | x)^(1 + w) on the square, normalised there, (W, classes, SIDE, SIDE), rows along the second axis."""
    line = torch.linspace(-REACH, REACH, SIDE, dtype=torch.float64)
    x = torch.cartesian_prod(line, line)
    shares = mixture.responsibilities(x)
    log_y = torch.stack([shares[:, labels == k].sum(1).log() for k in range(int(labels.max()) + 1)])
    s = 1 + torch.tensor(w, dtype=torch.float64)
    share = torch.softmax(mixture.log_prob(x) + s[:, None, None] * log_y, dim=2)
    area = (2 * REACH / (SIDE - 1)) ** 2
    return (share / area).unflatten(2, (SIDE, SIDE)).mT


def spread(density: Tensor) -> Tensor:
    """Variance of both coordinates together under densities on the square, (W, classes)."""
    line = torch.linspace(-REACH, REACH, SIDE, dtype=torch.float64)
    total = torch.zeros(density.shape[:2], dtype=torch.float64)
    for axis in (2, 3):
        p = density.sum(axis)
        p = p / p.sum(2, keepdim=True)
        mean = (p @ line).unsqueeze(2)
        total += (p * (line - mean) ** 2).sum(2)
    return total


def contour_levels(density: Tensor) -> Tensor:
    """The density above which the shares INSIDE of the mass lie, (W, classes, 2)."""
    heights = density.flatten(2).sort(dim=2, descending=True).values
    mass = heights.cumsum(2) / heights.sum(2, keepdim=True)
    return torch.stack([heights.gather(2, (mass < q).sum(2, keepdim=True)).squeeze(2) for q in INSIDE], 2)


def guided_points(mixture: GaussianMixture, labels: Tensor, w: Sequence[float]) -> Tensor:
    """Points of a DDPM sampler of 100 steps with the exact guided score, (W, classes, POINTS, 2).

    All strengths and classes start from the same points and meet the same noises.
    """
    schedule, classes = linear(100, 1e-3, 0.2), int(labels.max()) + 1
    parts = []
    for k in range(classes):
        share = mixture.weights[labels == k]
        parts.append(GaussianMixture(share / share.sum(), mixture.means[labels == k], mixture.covs[labels == k]))
    s = 1 + torch.tensor(w, dtype=torch.float64).reshape(-1, 1, 1)
    cloud = (classes, len(w), POINTS, 2)

    def eps(x: Tensor, t: int) -> Tensor:
        level = float(schedule.alpha_bar[t].sqrt()), float(schedule.noise_var[t].sqrt())
        null = mixture.eps(x.reshape(-1, 2), *level).reshape(cloud)
        of_y = [part.eps(v.reshape(-1, 2), *level).reshape(cloud[1:]) for part, v in zip(parts, x, strict=True)]
        return null + s * (torch.stack(of_y) - null)

    g = torch.Generator().manual_seed(0)
    x = torch.randn(POINTS, 2, generator=g, dtype=torch.float64).expand(cloud)
    step = reverse_kernel(schedule, list(range(100, -1, -1)))
    for t, a, b, c in zip(range(100, 0, -1), *step, strict=True):
        z = torch.randn(POINTS, 2, generator=g, dtype=torch.float64)
        x = a * x + b * eps(x, t) + c * z
    return x.transpose(0, 1)
