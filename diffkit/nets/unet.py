"""A compact U-Net for small images: f(x, t) or f(x, t, y).

Down: each level works at half the resolution with more channels.  Up: each level joins what came from below with
what the same level saw on the way down.  Attention, at the lowest resolution, lets every place see every other.

Source: Ronneberger et al. 2015; Ho et al. 2020, appendix B; Dhariwal & Nichol 2021, section 3 (scale and shift
by the time embedding).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from diffkit.errors import RangeError
from diffkit.nets.checks import check_data, check_one_each, check_sides
from diffkit.nets.embeddings import LabelEmbedding, SinusoidalEmbedding
from diffkit.nets.mlp import label_of

GROUPS = 8


class UNet(nn.Module):
    """f(x, t, y): (B, in_channels, H, W) to (B, out_channels, H, W).  t: (B,); y: (B,) long or None.

    channels: per level, each a multiple of 8; H and W must be multiples of 2^(levels - 1).  (32, 64) suits 8x8
    (0.4M parameters), (32, 64, 64) 28x28 and 32x32.  It starts as f = 0.  classes > 0 makes it conditional;
    y = `classes`, or None, means no class.
    """

    def __init__(
        self,
        in_channels: int = 1,
        channels: Sequence[int] = (32, 64),
        *,
        out_channels: int | None = None,
        classes: int = 0,
        attention: bool = True,
    ) -> None:
        super().__init__()
        if not channels or any(c < GROUPS or c % GROUPS for c in channels) or in_channels < 1:
            raise RangeError(f"channels = {tuple(channels)}: pass one multiple of {GROUPS} per level, e.g. (32, 64)")
        self.in_channels, self.scale = in_channels, 2 ** (len(channels) - 1)
        first, lowest, width = channels[0], channels[-1], 4 * channels[0]
        self.time = nn.Sequential(SinusoidalEmbedding(first), nn.Linear(first, width), nn.SiLU())
        self.label = LabelEmbedding(classes, width) if classes else None
        self.mix = nn.Sequential(nn.Linear(width, width), nn.SiLU())
        self.first = nn.Conv2d(in_channels, first, 3, padding=1)
        before = [first, *channels[:-1]]
        self.down = nn.ModuleList(Block(a, c, width) for a, c in zip(before, channels, strict=True))
        self.middle = nn.ModuleList([Block(lowest, lowest, width), Block(lowest, lowest, width)])
        self.attention = Attention(lowest) if attention else nn.Identity()
        self.up = nn.ModuleList(Block(2 * c, a, width) for a, c in zip(before, channels, strict=True))
        self.last = nn.Sequential(
            nn.GroupNorm(GROUPS, first), nn.SiLU(), _zero_conv(first, out_channels or in_channels)
        )

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        check_data(x, (self.in_channels, None, None), self.first.weight)
        check_one_each(t, x)
        check_sides(x, self.scale)
        emb = self.mix(self.time(t) + label_of(self.label, y, len(x)))
        h, seen = self.first(x), []
        for i, block in enumerate(self.down):
            h = block(F.avg_pool2d(h, 2) if i else h, emb)
            seen.append(h)
        h = self.middle[1](self.attention(self.middle[0](h, emb)), emb)
        for i in reversed(range(len(seen))):
            h = self.up[i](torch.cat([h, seen[i]], 1), emb)
            h = F.interpolate(h, scale_factor=2.0, mode="nearest") if i else h
        return self.last(h)


class Block(nn.Module):
    """Two convolutions beside a short cut; the time scales and shifts what lies between them."""

    def __init__(self, inside: int, outside: int, width: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(GROUPS, inside), nn.Conv2d(inside, outside, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(GROUPS, outside), _zero_conv(outside, outside)
        self.emb = nn.Linear(width, 2 * outside)
        self.short = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        scale, shift = self.emb(emb)[:, :, None, None].chunk(2, 1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        return self.short(x) + self.conv2(F.silu(h))


class Attention(nn.Module):
    """Every place looks at every other one, in heads of 32 channels, or one head where 32 does not divide them.

    Vaswani et al. 2017, section 3.2.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = channels // 32 if channels % 32 == 0 else 1
        self.norm, self.qkv = nn.GroupNorm(GROUPS, channels), nn.Conv2d(channels, 3 * channels, 1)
        self.out = _zero_conv(channels, channels, size=1)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.norm(x)).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(-1, -2)
        q, k, v = parts.unbind(1)
        h = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2).reshape(x.shape)
        return x + self.out(h)


def _zero_conv(inside: int, outside: int, size: int = 3) -> nn.Conv2d:
    """A convolution that starts as 0, so that its block starts as the identity."""
    conv = nn.Conv2d(inside, outside, size, padding=size // 2)
    for parameter in conv.parameters():
        nn.init.zeros_(parameter)
    return conv
