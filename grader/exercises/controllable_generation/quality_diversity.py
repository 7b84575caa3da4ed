"""Quality and diversity in two numbers: `quality_diversity`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import WITHHOLDS, criteria

Numbers = tuple[Tensor, Tensor]


def quality_diversity(log_probs: Tensor, y: Tensor, x: Tensor) -> Numbers:
    """Share of samples that are read as what was asked for, and equation (11.20), averaged over the classes."""
    quality = (log_probs.argmax(dim=1) == y).double().mean()
    spreads = []
    for k in y.unique():
        mine = x[y == k]
        spreads.append(2 * ((mine - mine.mean(0)) ** 2).sum() / (len(mine) - 1))
    return quality, torch.stack(spreads).mean()


def _spread(x: Tensor, pairs: str = "right") -> Tensor:
    mine = x.flatten(1)
    square = ((mine.unsqueeze(1) - mine) ** 2).sum(2)
    n = len(mine)
    if pairs == "not squared":
        return square.sqrt().sum() / (n * (n - 1))
    return square.sum() / {"right": n * (n - 1), "all": n * n, "once": 2 * n * (n - 1)}[pairs]


def _over_classes(y: Tensor, x: Tensor, pairs: str = "right", by_size: bool = False) -> Tensor:
    values = torch.stack([_spread(x[y == k], pairs) for k in y.unique()])
    sizes = torch.stack([(y == k).sum() for k in y.unique()]).to(values)
    return (values * sizes).sum() / sizes.sum() if by_size else values.mean()


def _right(log_probs: Tensor, y: Tensor) -> Tensor:
    return (log_probs.argmax(dim=1) == y).double().mean()


def _draw(d: Draw) -> Iterator[Case]:
    def batch(counts: list[int], *shape: int) -> tuple[Tensor, Tensor, Tensor]:
        classes = torch.tensor([1, 3, 4])[: len(counts)]
        y = classes.repeat_interleave(torch.tensor(counts))
        y = y[torch.randperm(len(y), generator=d.generator)]
        shift = 2 * y.reshape(-1, *[1] * len(shape))  # the classes are far apart
        logits = d.randn(len(y), 6)
        logits[torch.arange(0, len(y), 2), y[::2]] += 4  # every second sample is read right
        return torch.log_softmax(logits, 1), y, (1 + 0.5 * shift) * d.randn(len(y), *shape) + shift

    yield Case("three classes of points", batch([5, 4, 7], 3))
    yield Case("images", batch([4, 6, 3], 1, 2, 2))
    yield Case("one class", batch([6], 3), "edges")
    yield Case("two samples of a class", batch([2, 5], 3), "edges")
    log_probs, y, x = batch([4, 4, 4], 3)
    yield Case("all samples of a class alike", (log_probs, y, torch.ones(12, 3) * y.unsqueeze(1)), "edges")
    yield Case("called twice", (log_probs, y, x), "clean", "twice")


EXERCISE = Exercise(
    name="guidance.quality_diversity",
    prompt="Measure guided samples: the share that a judge reads as what was asked for, and the mean squared distance of two of a class.",
    signature="quality_diversity(log_probs (N, K), y (N,), x (N, *D)) -> (quality, diversity)",
    reference=quality_diversity,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="one class, two samples of a class, samples alike"),
    equation="11.20",
    difficulty=2,
    minutes=12,
    hints=(
        "Quality: is the most probable class the one that was asked for? Diversity: class by class, how far are two samples "
        "apart; then the mean over the classes that occur.",
        "For each k in y.unique(): 2/(n - 1) times the sum of squared distances from the class's mean, all pixels summed.",
        "spreads.append(2 * ((mine - mine.mean(0)) ** 2).sum() / (len(mine) - 1))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "diversity over all classes together",
            lambda p, y, x: (_right(p, y), _spread(x)),
            "two samples of different classes are compared as well. That classes differ is no diversity: compare within "
            "each class.",
        ),
        Misconception(
            "pairs with themselves",
            lambda p, y, x: (_right(p, y), _over_classes(y, x, "all")),
            "you divide by n^2: each sample is paired with itself too, at distance 0. There are n (n - 1) pairs.",
        ),
        Misconception(
            "half of it",
            lambda p, y, x: (_right(p, y), _over_classes(y, x, "once")),
            "this is half of the mean squared distance: the variance. Two samples differ by twice the variance.",
        ),
        Misconception(
            "distance not squared",
            lambda p, y, x: (_right(p, y), _over_classes(y, x, "not squared")),
            "you average distances; asked are squared distances.",
        ),
        Misconception(
            "large classes count more",
            lambda p, y, x: (_right(p, y), _over_classes(y, x, by_size=True)),
            "each class is weighted with its number of samples. Every class counts once.",
        ),
        Misconception(
            "mean over pixels",
            lambda p, y, x: (_right(p, y), _over_classes(y, x) / x[0].numel()),
            "the squared differences are averaged over the pixels. A squared distance is their sum.",
        ),
        Misconception(
            "mean probability",
            lambda p, y, x: (p.exp()[torch.arange(len(y)), y].mean(), _over_classes(y, x)),
            "this is the mean probability of the right class. Asked is the share of samples whose most probable class is "
            "the right one.",
        ),
        Misconception(
            "mean log probability",
            lambda p, y, x: (p[torch.arange(len(y)), y].mean(), _over_classes(y, x)),
            "this is the mean log probability. Asked is a share, between 0 and 1.",
        ),
        Misconception(
            "share that is wrong",
            lambda p, y, x: (1 - _right(p, y), _over_classes(y, x)),
            "this is the share that is read wrong.",
        ),
        Misconception(
            "exchanged",
            lambda p, y, x: (_over_classes(y, x), _right(p, y)),
            "the two numbers are exchanged: quality first.",
        ),
    ),
)
