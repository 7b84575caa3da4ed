"""From the chain's sample back to an image: `decode_sample`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.latent_diffusion.common import F64, UNTOUCHED, WITHHOLDS, criteria

Map = Callable[[Tensor], Tensor]
Shape = tuple[int, ...]


def decode_sample(u: Tensor, shift: Tensor, std: Tensor, shape: Shape, decode: Map) -> Tensor:
    """Equation (12.11) backwards, then the decoder, then the range of pixels."""
    column = (-1, *[1] * (len(shape) - 1))
    z = u.reshape(-1, *shape) * std.reshape(column) + shift.reshape(column)
    return decode(z).clamp(-1, 1)


def _columns(shift: Tensor, std: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    column = (-1, *[1] * (len(shape) - 1))
    return shift.reshape(column), std.reshape(column)


def _unscaled(rule: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """Another way back: rule(u, shift, std) -> z, all ready to multiply."""

    def wrong(u: Tensor, shift: Tensor, std: Tensor, shape: Shape, decode: Map) -> Tensor:
        return decode(rule(u.reshape(-1, *shape), *_columns(shift, std, shape))).clamp(-1, 1)

    return wrong


def _last_axis(u: Tensor, shift: Tensor, std: Tensor, shape: Shape, decode: Map) -> Tensor:
    return decode(u.reshape(-1, *shape) * std + shift).clamp(-1, 1)


def _channels_last(u: Tensor, shift: Tensor, std: Tensor, shape: Shape, decode: Map) -> Tensor:
    z = u.reshape(-1, *shape[1:], shape[0]).movedim(-1, 1)
    m, s = _columns(shift, std, shape)
    return decode(z * s + m).clamp(-1, 1)


def _no_clamp(u: Tensor, shift: Tensor, std: Tensor, shape: Shape, decode: Map) -> Tensor:
    m, s = _columns(shift, std, shape)
    return decode(u.reshape(-1, *shape) * s + m)


def _to_unit(u: Tensor, shift: Tensor, std: Tensor, shape: Shape, decode: Map) -> Tensor:
    return _no_clamp(u, shift, std, shape, decode).clamp(0, 1)


def _draw_decode(d: Draw) -> Iterator[Case]:
    def question(B: int, *shape: int, dtype: torch.dtype = F64) -> tuple[object, ...]:
        n = int(torch.tensor(shape).prod())
        mix, bend = d.randn(n, 9, dtype=dtype), d.uniform(0.3, 0.6)

        def decode(z: Tensor) -> Tensor:
            return (torch.sin(bend * z.reshape(len(z), -1) @ mix.to(z)) * 1.6).reshape(-1, 1, 3, 3)

        scale = d.randn(shape[0], dtype=dtype), 0.4 + d.randn(shape[0], dtype=dtype).abs()
        return d.randn(B, n, dtype=dtype), *scale, shape, Served(decode)

    asked = question(4, 2, 2, 2)
    yield Case("two channels of 2 x 2", asked)
    yield Case("three channels", question(5, 3, 2, 3))
    yield Case("one sample", question(1, 2, 2, 2), "edges")
    yield Case("one channel", question(4, 1, 2, 3), "edges")
    yield Case("as many channels as columns", question(2, 2, 3, 2), "edges")
    yield Case("float32 stays float32", question(3, 2, 2, 2, dtype=torch.float32), "edges", strict_dtype=True)
    yield Case("called twice", asked, "clean", "twice")


EXERCISE = Exercise(
    name="latent.decode_sample",
    prompt="Turn what the chain has drawn into an image.",
    signature=(
        "decode_sample(u (B, C*H*W), shift, std (C,), shape (C, H, W), decode: (B, C, H, W) -> image) -> image in [-1, 1]"
    ),
    reference=decode_sample,
    draw=_draw_decode,
    criteria=criteria(2, 1, 1, at="one sample, one channel, C = W, float32", clean_text=UNTOUCHED),
    equation="12.11",
    difficulty=2,
    minutes=8,
    hints=(
        "Undo what was done to the codes before training, in the opposite order. Then decode.",
        "z = u std + shift, per channel, in the shape (B, C, H, W); then decode(z), clipped to [-1, 1].",
        "column = (-1, 1, 1); z = u.reshape(-1, *shape) * std.reshape(column) + shift.reshape(column); "
        "return decode(z).clamp(-1, 1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "scaled once more",
            _unscaled(lambda u, m, s: (u - m) / s),
            "you scaled the sample once more. It has to be undone: multiply by std, then add shift.",
        ),
        Misconception(
            "not unscaled",
            _unscaled(lambda u, m, s: u.clone()),
            "the decoder was given u. It has learned from codes before scaling: u std + shift.",
        ),
        Misconception(
            "shift first",
            _unscaled(lambda u, m, s: (u + m) * s),
            "the shift was added before multiplying. Scaling took off the shift first, so it comes back last.",
        ),
        Misconception(
            "shift forgotten",
            _unscaled(lambda u, m, s: u * s),
            "the shift is missing: z = u std + shift.",
        ),
        Misconception(
            "variance for the standard deviation",
            _unscaled(lambda u, m, s: u * s**2 + m),
            "you multiplied by the variance. Multiply by std.",
        ),
        Misconception(
            "channels along the last axis",
            _last_axis,
            "std has shape (C,) and lines up with the last axis of the code, its columns. Reshape it to (C, 1, 1).",
        ),
        Misconception(
            "channels last",
            _channels_last,
            "you read the numbers of u as (H, W, C). They are (C, H, W): flatten(1) made them so.",
        ),
        Misconception(
            "not clipped",
            _no_clamp,
            "the decoder may leave the range of pixels: clip the image to [-1, 1].",
        ),
        Misconception(
            "clipped to another range",
            _to_unit,
            "pixels of this course lie in [-1, 1], not in [0, 1].",
        ),
        Misconception(
            "code clipped",
            _unscaled(lambda u, m, s: (u * s + m).clamp(-1, 1)),
            "you clipped the code. Codes have no range; pixels have.",
        ),
    ),
)
