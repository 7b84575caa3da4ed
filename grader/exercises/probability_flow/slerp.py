"""Between two codes: `slerp`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.probability_flow.common import WITHHOLDS, criteria, per_example

SMALL = 1e-4  # radians: below, sin is its angle to nine digits, and both formulas agree


def slerp(z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    """Equation (9.26), the straight line where both codes have one direction."""
    x, y = z_0.flatten(1), z_1.flatten(1)
    cos = (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))
    theta = torch.acos(cos.clamp(-1, 1))
    first = torch.where(theta < SMALL, 1 - a, torch.sin((1 - a) * theta) / torch.sin(theta))
    second = torch.where(theta < SMALL, a, torch.sin(a * theta) / torch.sin(theta))
    return per_example(first, z_0) * z_0 + per_example(second, z_0) * z_1


def _angle(z_0: Tensor, z_1: Tensor) -> Tensor:
    """The angle between each pair of codes, (B,)."""
    x, y = z_0.flatten(1), z_1.flatten(1)
    cos = (x * y).sum(1) / (x.norm(dim=1) * y.norm(dim=1))
    return torch.acos(cos.clamp(-1, 1))


def _turned(theta: Tensor, z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    """The formula without care for angle 0.  theta: ready to multiply z."""
    return (torch.sin((1 - a) * theta) * z_0 + torch.sin(a * theta) * z_1) / torch.sin(theta)


def _straight(z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    return (1 - a) * z_0 + a * z_1


def _straight_then_scaled(z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    out, x, y = _straight(z_0, z_1, a), z_0.flatten(1).norm(dim=1), z_1.flatten(1).norm(dim=1)
    length = (1 - a) * x + a * y
    return out * per_example(length / out.flatten(1).norm(dim=1), out)


def _batch_angle(z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    theta = _angle(z_0.reshape(1, -1), z_1.reshape(1, -1))
    return slerp(z_0, z_1, a) if float(theta) < SMALL else _turned(theta.reshape(()), z_0, z_1, a)


def _no_sine_below(z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    theta = _angle(z_0, z_1)
    theta = per_example(theta * (theta > SMALL), z_0)  # rounding must not decide what comes out near 0
    return torch.sin((1 - a) * theta) * z_0 + torch.sin(a * theta) * z_1


def _unnormalised(z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    cos = (z_0 * z_1).flatten(1).mean(1).clamp(-0.999, 0.999)
    return _turned(per_example(torch.acos(cos), z_0), z_0, z_1, a)


def _last_axis_angle(z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    cos = torch.nn.functional.cosine_similarity(z_0, z_1, dim=-1).clamp(-1 + 1e-12, 1 - 1e-12)
    return _turned(torch.acos(cos).unsqueeze(-1), z_0, z_1, a)


def _in_place(z_0: Tensor, z_1: Tensor, a: float) -> Tensor:
    z_0.copy_(slerp(z_0, z_1, a))
    return z_0


def _draw_slerp(d: Draw) -> Iterator[Case]:
    z_0, z_1 = d.randn(4, 5, dtype=torch.float64), d.randn(4, 5, dtype=torch.float64)
    a = d.uniform(0.15, 0.35)
    near = z_0 + 0.2 * z_1
    yield Case("codes of five numbers", (z_0, z_1, a))
    images = d.randn(3, 1, 3, 3, dtype=torch.float64), d.randn(3, 1, 3, 3, dtype=torch.float64)
    yield Case("images as wide as the batch is long", (*images, 1 - a))
    yield Case("the first code, a = 0", (z_0, z_1, 0.0), "edges")
    yield Case("the second code, a = 1", (z_0, z_1, 1.0), "edges")
    yield Case("codes that are close", (z_0, near, a), "edges")
    many = d.randn(80, 5, dtype=torch.float64)  # rounding puts some of their cosines above 1
    yield Case("codes of one direction", (many, 3 * many, a), "edges")
    yield Case("one example", (z_0[:1], z_1[:1], a), "edges")
    yield Case("float32 stays float32", (z_0.float(), z_1.float(), a), "edges", strict_dtype=True)
    yield Case("called twice", (z_0, z_1, a), "clean", "twice")


EXERCISE = Exercise(
    name="flow.slerp",
    prompt="Go from one code to another along the arc between them.",
    signature="slerp(z_0 (B, *D), z_1 (B, *D), a float in 0..1) -> (B, *D)",
    reference=slerp,
    draw=_draw_slerp,
    criteria=criteria(
        2, 2, 1, at="both ends, close codes, one direction, one example, float32", clean_text="inputs untouched"
    ),
    equation="9.26",
    difficulty=3,
    minutes=15,
    level="stretch",
    hints=(
        "One angle for each pair of codes, from the cosine: inner product over the product of the lengths. An image is one "
        "long vector here.",
        "theta = acos(cos); weights sin((1-a) theta)/sin(theta) and sin(a theta)/sin(theta), reshaped to (B, 1, .., 1). "
        "Where theta is 0 take 1 - a and a.",
        "w = torch.where(theta < 1e-4, a, torch.sin(a * theta) / torch.sin(theta)), the same for 1 - a; return both times codes",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "straight line",
            _straight,
            "this is the straight line. Between two codes it passes too near to the origin, where hardly any noise lies.",
        ),
        Misconception(
            "straight line, then scaled",
            _straight_then_scaled,
            "the straight line, scaled to the right length, follows the arc, but not evenly: it is fastest in the middle.",
        ),
        Misconception(
            "ends exchanged",
            lambda z_0, z_1, a: slerp(z_0, z_1, 1 - a),
            "the ends are exchanged: a = 0 is the first code.",
        ),
        Misconception(
            "roots as weights",
            lambda z_0, z_1, a: (1 - a) ** 0.5 * z_0 + a**0.5 * z_1,
            "the weights are sqrt(1 - a) and sqrt(a). They keep the length on average, but not this pair's, and not the speed.",
        ),
        Misconception(
            "not divided by the sine",
            _no_sine_below,
            "the weights are not divided by sin(theta), so the ends are not reached.",
        ),
        Misconception(
            "cosine not normalised",
            _unnormalised,
            "the cosine is not divided by the lengths of both codes.",
        ),
        Misconception(
            "one angle for the batch",
            _batch_angle,
            "one angle is taken for the whole batch. Each pair has its own.",
        ),
        Misconception(
            "angle per row of the image",
            _last_axis_angle,
            "the angle is taken along the last axis only, for each row of an image. Flatten the image: it is one vector.",
        ),
        Misconception(
            "zero over zero",
            lambda z_0, z_1, a: _turned(per_example(_angle(z_0, z_1) * (_angle(z_0, z_1) > SMALL), z_0), z_0, z_1, a),
            "codes of one direction give 0/0. Take the straight line where the angle is (nearly) 0.",
        ),
        Misconception(
            "float64 comes out",
            lambda z_0, z_1, a: slerp(z_0.double(), z_1.double(), a),
            "the values are right, but float32 became float64.",
        ),
        Misconception(
            "changes z_0 in place",
            _in_place,
            "the numbers are right, but the caller's first code was overwritten. Build a new tensor.",
        ),
    ),
)
