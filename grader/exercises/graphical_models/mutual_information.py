"""How much a tells about b beyond c: `mutual_information`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, criteria, no_zero, random_joint


def mutual_information(joint: Tensor) -> Tensor:
    """Equation (1.20), nats."""
    together = joint * joint.sum((0, 1))
    apart = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    ratio = torch.where(joint > 0, together, 1) / torch.where(joint > 0, apart, 1)
    return (joint * torch.log(ratio)).sum()


def _average_log(weight: Tensor, top: Tensor, bottom: Tensor) -> Tensor:
    ratio = torch.where(weight > 0, top, 1) / torch.where(weight > 0, bottom, 1)
    return (weight * ratio.log()).sum()


def _draw_joints(d: Draw) -> Iterator[Case]:
    p = random_joint(d, 3, 4, 2)
    holes = random_joint(d, 3, 3, 2)
    holes[d.integer(0, 2), d.integer(0, 2), d.integer(0, 1)] = 0
    collider = torch.zeros(2, 2, 2, dtype=torch.float64)
    weight = d.uniform(0.2, 0.4)
    for a in range(2):
        for b in range(2):
            collider[a, b, (a + b) % 2] = (weight if a else 1 - weight) / 2
    yield Case("3, 4 and 2 values", (p,))
    yield Case("three values each", (random_joint(d, 3, 3, 3),))
    yield Case("only one value of c", (random_joint(d, 3, 4, 1),), "edges")
    yield Case("a triple that never happens", (holes / holes.sum(),), "edges")
    yield Case("a, b and whether they are equal", (collider,), "edges")
    never = torch.cat([p, torch.zeros(3, 4, 1, dtype=p.dtype)], 2)
    yield Case("a value of c that never happens", (never,), "edges")
    yield Case("called twice", (p,), "clean", "twice")
    yield Case("gradient", (p,), "clean", "gradient", cotangent=torch.ones((), dtype=torch.float64))


def _plain(p: Tensor) -> Tensor:
    """c summed out."""
    return mutual_information(p.sum(2, keepdim=True))


def _equally(p: Tensor) -> Tensor:
    slices = p / no_zero(p.sum((0, 1)))
    return torch.stack([mutual_information(q.unsqueeze(2)) for q in slices.movedim(2, 0)]).mean()


EXERCISE = Exercise(
    name="graphs.mutual_information",
    prompt="Say in nats how much a tells about b, beyond what c tells already.",
    signature="mutual_information(joint (A, B, C)) -> number, in nats",
    reference=mutual_information,
    draw=_draw_joints,
    criteria=criteria(3, 1, 1, at="entries that are 0, one value of c"),
    equation="1.20",
    difficulty=3,
    minutes=12,
    level="stretch",
    hints=(
        "An average over the joint of a logarithm. Under the logarithm stands the ratio of the two tables that exercise 1.5 compared.",
        "Sum over p(a,b,c) log [ p(a,b,c) p(c) / (p(a,c) p(b,c)) ]. Entries with p = 0 add 0: put 1 under their logarithm.",
        "ratio = joint * joint.sum((0, 1)) / (joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)); "
        "sum joint * log(ratio) where joint > 0",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "0 log 0",
            lambda p: (p * (p * p.sum((0, 1)) / (p.sum(1, keepdim=True) * p.sum(0, keepdim=True))).log()).sum(),
            "where an entry is 0 you get 0 times minus infinity, which is nan. Such a triple never happens and adds 0.",
        ),
        Misconception(
            "bits",
            lambda p: mutual_information(p) / math.log(2),
            "your logarithm has base 2, so this is in bits. Nats are asked for: the natural logarithm.",
        ),
        Misconception(
            "c forgotten",
            _plain,
            "you summed c out. That is I(a; b), what a tells about b while nothing else is known.",
        ),
        Misconception(
            "p(c) forgotten",
            lambda p: _average_log(p, p, p.sum(1, keepdim=True) * p.sum(0, keepdim=True)),
            "p(a, b, c) is compared with p(a, c) p(b, c), which has p(c) once too often. Multiply the top by p(c), or "
            "divide each slice by p(c) first.",
        ),
        Misconception(
            "minus sign",
            lambda p: -mutual_information(p),
            "the sign is wrong: information is never negative. What happens together stands on top.",
        ),
        Misconception(
            "all c alike",
            _equally,
            "you average the slices with equal weights. A value of c counts with its probability p(c).",
        ),
        Misconception(
            "c as a third party",
            lambda p: _average_log(
                p, p.clone(), p.sum((1, 2))[:, None, None] * p.sum((0, 2))[None, :, None] * p.sum((0, 1))
            ),
            "you compare with p(a) p(b) p(c). That measures how far all three are from independent. Here c is known.",
        ),
        Misconception(
            "entropy",
            lambda p: -(p * torch.where(p > 0, p, 1).log()).sum(),
            "this is the entropy of the three together. Under the logarithm belongs a ratio.",
        ),
    ),
)
