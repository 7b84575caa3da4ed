"""What a path of noise levels does to the estimate of the bound: `path_moments`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, WITHHOLDS, criteria

Moments = tuple[Tensor, Tensor]


def path_moments(log_snr: Tensor, error: Tensor) -> Moments:
    """The mean of equation (12.20) and the variance that belongs to (12.21), cell by cell."""
    cells = len(log_snr) - 1
    value = 0.5 * cells * (log_snr[:-1] - log_snr[1:]) * (error[:-1] + error[1:]) / 2
    return value.mean(), value.var(correction=0)


def _of(
    value: Callable[[Tensor, Tensor, int], Tensor] = lambda drop, h, n: 0.5 * n * drop * h,
    moments: Callable[[Tensor], Moments] = lambda v: (v.mean(), v.var(correction=0)),
) -> Callable[..., Moments]:
    """value(drop of the log ratio in each cell, mean error in it, number of cells)."""

    def wrong(log_snr: Tensor, error: Tensor) -> Moments:
        drop, h = log_snr[:-1] - log_snr[1:], (error[:-1] + error[1:]) / 2
        return moments(value(drop, h, len(drop)))

    return wrong


def _left(log_snr: Tensor, error: Tensor) -> Moments:
    value = 0.5 * (len(log_snr) - 1) * (log_snr[:-1] - log_snr[1:]) * error[:-1]
    return value.mean(), value.var(correction=0)


def _points(log_snr: Tensor, error: Tensor) -> Moments:
    value = 0.5 * len(log_snr) * (log_snr[:-1] - log_snr[1:]) * (error[:-1] + error[1:]) / 2
    return value.mean(), value.var(correction=0)


def _draw_moments(d: Draw) -> Iterator[Case]:
    def question(n: int, dtype: torch.dtype = F64) -> tuple[Tensor, Tensor]:
        drops = 0.2 + torch.rand(n, generator=d.generator, dtype=F64)
        path = d.uniform(3, 5) - torch.cat([torch.zeros(1, dtype=F64), torch.cumsum(drops, 0)])
        return path.to(dtype), torch.sigmoid(path + d.uniform(-1, 1)).to(dtype)

    asked = question(8)
    yield Case("eight cells", asked)
    yield Case("thirteen cells", question(13))
    path, error = question(4)
    yield Case("one cell has no variance", (path[:2], error[:2]), "edges")
    yield Case("a path on which every cell weighs the same", (path, 1 / (1 + 0 * path)), "edges")
    yield Case("float32", question(6, torch.float32), "edges")
    yield Case("called twice", asked, "clean", "twice")


EXERCISE = Exercise(
    name="latent.path_moments",
    prompt="Give mean and variance of the one-draw estimate of the bound, for a path of log ratios.",
    signature="path_moments(log_snr (n+1,), error (n+1,), both at u = 0, 1/n, .., 1) -> (mean, variance)",
    reference=path_moments,
    draw=_draw_moments,
    criteria=criteria(3, 1, 1, at="one cell, equal weights, float32", clean_text="inputs untouched"),
    equation="12.21",
    difficulty=3,
    minutes=12,
    hints=(
        "Cut [0, 1] into n cells. In each, the estimate is half of minus the slope times the error. Then mean and variance "
        "over the cells, each as likely as the others.",
        "value = 1/2 * (lambda_i - lambda_{i+1}) * n * (h_i + h_{i+1})/2, because a cell is 1/n wide.",
        "value = 0.5 * n * (log_snr[:-1] - log_snr[1:]) * (error[:-1] + error[1:]) / 2; "
        "return value.mean(), value.var(correction=0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "width of a cell forgotten",
            _of(lambda drop, h, n: 0.5 * drop * h),
            "the slope is the drop divided by the width of a cell, 1/n: multiply by n.",
        ),
        Misconception(
            "points counted for cells",
            _points,
            "n + 1 points make n cells.",
        ),
        Misconception(
            "half forgotten",
            _of(lambda drop, h, n: n * drop * h),
            "the factor 1/2 in front of the bound is missing.",
        ),
        Misconception(
            "sign of the slope",
            _of(lambda drop, h, n: -0.5 * n * drop * h),
            "the estimate is negative: the log ratio falls, so minus its slope is positive.",
        ),
        Misconception(
            "error at the left end",
            _left,
            "you took the error at the left end of each cell. Take the mean of both ends: the rule is then of second order.",
        ),
        Misconception(
            "second moment for the variance",
            _of(moments=lambda v: (v.mean(), (v**2).mean())),
            "this is the mean square. Subtract the square of the mean.",
        ),
        Misconception(
            "standard deviation for the variance",
            _of(moments=lambda v: (v.mean(), v.std(correction=0))),
            "this is the standard deviation. The variance is asked for.",
        ),
        Misconception(
            "divided by n - 1",
            _of(moments=lambda v: (v.mean(), ((v - v.mean()) ** 2).sum() / (len(v) - 1))),
            "these cells are all there are, not a sample: divide by n, correction=0.",
        ),
        Misconception(
            "sum for the mean",
            _of(moments=lambda v: (v.sum(), v.var(correction=0))),
            "u is uniform, so the expected value is the mean over the cells.",
        ),
        Misconception(
            "slope without error",
            _of(lambda drop, h, n: 0.5 * n * drop),
            "the error of the prediction is missing: its weight alone is not the bound.",
        ),
    ),
)
