"""Pixels and codes side by side: from one image to another, and from clean to noise, in both worlds at once.

Everything is decoded here, once; the browser only picks what belongs to the two sliders.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from traitlets import Bytes, Int, List, Unicode, validate

from diffkit import plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers.base import Explorer, packed, script
from diffkit.figure import Figure
from diffkit.gaussian import randn_like
from diffkit.schedule import Schedule

BLENDS = 25  # positions between the two images
LEVELS = 25  # noise levels, from clean to the end of the schedule
Map = Callable[[Tensor], Tensor]


class LatentSpace(Explorer):
    """Pair 0..P-1, blend 0..BLENDS-1 (from the first image to the second), level 0..LEVELS-1 (0 is clean).

    Python may set them too.
    """

    _esm = script("latent_space.js")

    pair = Int().tag(sync=True)
    blend = Int().tag(sync=True)
    level = Int().tag(sync=True)
    blends = Int(BLENDS).tag(sync=True)
    levels = Int(LEVELS).tag(sync=True)
    names = List(Unicode()).tag(sync=True)
    image_shape = List(Int()).tag(sync=True)  # H, W
    code_shape = List(Int()).tag(sync=True)  # h, w: all channels side by side
    images = Bytes().tag(sync=True)  # (P, BLENDS, LEVELS, 2, H, W) uint8: in pixels, and decoded from the code
    codes = Bytes().tag(sync=True)  # (P, BLENDS, LEVELS, h, w) uint8
    far = Bytes().tag(sync=True)  # (P, BLENDS, LEVELS, 2) float32: distance to the nearest real image, per pixel
    tables = Bytes().tag(sync=True)  # (2, LEVELS) float64: t, alpha_bar

    def __init__(self, both: Tensor, codes: Tensor, far: Tensor, names: list[str], table: Tensor) -> None:
        self.both, self.far_from_real, self.table = both, far, table
        black, white = plots.GRAY_RANGE
        reach = 2.5  # codes have the variance 1
        super().__init__(
            names=names,
            image_shape=list(both.shape[-2:]),
            code_shape=list(codes.shape[-2:]),
            images=packed((((both - black) / (white - black)).clamp(0, 1) * 255).round(), "u1"),
            codes=packed((((codes + reach) / (2 * reach)).clamp(0, 1) * 255).round(), "u1"),
            far=packed(far, "<f4"),
            tables=packed(table, "<f8"),
        )

    @validate("pair", "blend", "level")
    def _check(self, proposal: dict[str, object]) -> object:
        name, value = str(getattr(proposal["trait"], "name", "")), proposal["value"]
        most = {"pair": len(self.both), "blend": BLENDS, "level": LEVELS}[name] - 1
        if not isinstance(value, int) or not 0 <= value <= most:
            raise RangeError(f"{name} = {value}: from 0 to {most}")
        return value

    def picture(self) -> Figure:
        """Pixels above, decoded codes below: the present state first, then five steps of the way at this noise."""
        shown = [self.blend, *(i * (BLENDS - 1) // 4 for i in range(5))]
        rows = self.both[self.pair, shown, self.level].transpose(0, 1)
        pixel, code = (float(v) for v in self.far_from_real[self.pair, self.blend, self.level])
        step, share = int(self.table[0, self.level]), 100 * self.blend // (BLENDS - 1)
        alt = (
            f"{self.names[self.pair]}, at t = {step}: above mixed and noised in pixels, below in codes and "
            f"then decoded. Now at {share} % of the way: the pixels are {pixel:.2f}, the decoded code {code:.2f} from "
            "the nearest real image, per pixel."
        )
        titles = ["now", *(f"{25 * i} %" for i in range(5))]
        return plots.image_grid(rows, titles, ["pixels", "decoded"], alt)


@torch.no_grad()
def latent_space(
    images: Tensor,
    encode: Map,
    decode: Map,
    schedule: Schedule,
    real: Tensor,
    names: list[str] | None = None,
    *,
    generator: torch.Generator | None = None,
) -> LatentSpace:
    """An explorer of blends and noise levels, in pixels and in codes.

    images: (2 P, 1, H, W), in pairs; encode: images to scaled codes (n, C, h, w); decode: back to images (n, 1, H, W);
    real: (N, 1, H, W), to measure how far a picture is from the nearest real one; names: one for each pair.
    """
    if images.ndim != 4 or len(images) % 2 or not len(images) or images.shape[1:] != real.shape[1:]:
        raise ShapeError(
            f"images {tuple(images.shape)}, real {tuple(real.shape)}: pass an even number of gray images of one size"
        )
    pairs = len(images) // 2
    names = [f"pair {i + 1}" for i in range(pairs)] if names is None else names
    if len(names) != pairs:
        raise ShapeError(f"{len(names)} names for {pairs} pairs of images: pass one each")
    codes = encode(images)
    t = torch.linspace(0, schedule.T, LEVELS).round().long()
    table = torch.stack([t.double(), schedule.alpha_bar[t]])
    mixed, mixed_codes = (_grid(x, schedule.alpha_bar[t], generator) for x in (images, codes))
    decoded = decode(mixed_codes.flatten(0, 2)).reshape(mixed.shape)
    both = torch.stack([mixed, decoded], 3).squeeze(4)
    rows, known = both.flatten(-2).flatten(0, 3), real.flatten(1).to(both)
    nearest = torch.cat([torch.cdist(part, known).amin(1) for part in rows.split(2000)])
    far = (nearest / rows.shape[1] ** 0.5).reshape(both.shape[:4])
    wide = mixed_codes.movedim(3, 4).flatten(-2)  # channels side by side
    return LatentSpace(both, wide, far, names, table)


def _grid(x: Tensor, alpha_bar: Tensor, generator: torch.Generator | None) -> Tensor:
    """Blends of each pair at each noise level, one noise for all of a pair.  (2 P, *D) to (P, BLENDS, LEVELS, *D)."""
    shape = (1, -1, *[1] * (x.ndim - 1))
    share = torch.linspace(0, 1, BLENDS, dtype=x.dtype).reshape(shape)
    blends = (1 - share) * x[0::2].unsqueeze(1) + share * x[1::2].unsqueeze(1)
    noise = randn_like(x[0::2], generator)
    keep = alpha_bar.to(x).reshape(1, *shape)
    return keep.sqrt() * blends.unsqueeze(2) + (1 - keep).sqrt() * noise[:, None, None]
