"""Labels forgotten in training: `drop_labels`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import F64, WITHHOLDS, criteria


def drop_labels(y: Tensor, u: Tensor, p: float, null: int) -> Tensor:
    """Each label becomes `null` with probability p.  Ho & Salimans 2022, algorithm 1."""
    return torch.where(u < p, null, y)


def _first_ones(y: Tensor, u: Tensor, p: float, null: int) -> Tensor:
    out = y.clone()
    out[: round(p * len(y))] = null
    return out


def _draw(d: Draw) -> Iterator[Case]:
    n, p = 24, d.uniform(0.3, 0.6)
    y = torch.randint(0, 10, (n,), generator=d.generator)
    u = torch.rand(n, generator=d.generator, dtype=F64)
    u[0], u[1], u[2] = 0.95, 0.05, p  # the first is kept, the second dropped, the third on the limit: kept
    y[:3] = torch.tensor([4, 7, 2])
    yield Case("a batch of labels", (y, u, p, 10))
    yield Case("another null class", (y % 5, torch.rand(n, generator=d.generator, dtype=F64), 0.5, 5))
    yield Case("p = 0 drops nothing", (y, u * (u > 0.1), 0.0, 10), "edges")
    yield Case("p = 1 drops everything", (y, u, 1.0, 10), "edges")
    yield Case("one label, kept", (y[:1], u[:1], p, 10), "edges")
    yield Case("one label, dropped", (y[1:2], u[1:2], p, 10), "edges")
    yield Case("labels stay integers", (y, u, p, 10), "edges", strict_dtype=True)
    yield Case("every second label of a longer list", (y[::2], u[::2], p, 10), "edges")
    yield Case("called twice", (y, u, p, 10), "clean", "twice")


EXERCISE = Exercise(
    name="guidance.drop_labels",
    prompt="Replace each label by the null class with probability p, given one uniform number per label.",
    signature="drop_labels(y (B,) int64, u (B,) uniform in [0, 1), p float, null int) -> (B,) int64",
    reference=drop_labels,
    draw=_draw,
    criteria=criteria(1, 1, 1, at="p = 0 and 1, one label, integers"),
    equation="11.13",
    difficulty=1,
    minutes=5,
    hints=(
        "A uniform number lies below p with probability p. Each label has its own.",
        "null where u < p, y elsewhere.",
        "return torch.where(u < p, null, y)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "kept and dropped exchanged",
            lambda y, u, p, null: torch.where(u < p, y, null),
            "you keep a label with probability p. p is the probability that it is dropped.",
        ),
        Misconception(
            "dropped above p",
            lambda y, u, p, null: torch.where(u > p, null, y),
            "u > p happens with probability 1 - p. Drop where u < p.",
        ),
        Misconception(
            "limit included",
            lambda y, u, p, null: torch.where(u <= p, null, y),
            "u lies in [0, 1), zero included: with u <= p, a label may be dropped even for p = 0. Use u < p.",
        ),
        Misconception(
            "one draw for the batch",
            lambda y, u, p, null: torch.where(u[0] < p, null, y),
            "one number decides for the whole batch: all labels are dropped or none. Each label has its own u.",
        ),
        Misconception(
            "class 0 for no class",
            lambda y, u, p, null: torch.where(u < p, 0, y),
            "dropped labels become class 0, which is a digit. The null class has a number of its own.",
        ),
        Misconception(
            "minus one for no class",
            lambda y, u, p, null: torch.where(u < p, -1, y),
            "dropped labels become -1. An embedding has no row -1; use the number of the null class that is given.",
        ),
        Misconception(
            "labels removed",
            lambda y, u, p, null: y[u >= p],
            "the dropped labels are gone, and the batch is shorter than its images. Replace them instead.",
        ),
        Misconception(
            "a fixed share",
            _first_ones,
            "you replace the first p * B labels, every time. Which ones are dropped is decided by u.",
        ),
    ),
)
