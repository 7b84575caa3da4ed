"""The path without variance: `best_path`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, UNTOUCHED, WITHHOLDS, criteria


def best_path(log_snr: Tensor, error: Tensor, n: int) -> Tensor:
    """Equation (12.23), the area by the trapezoidal rule, solved by linear interpolation."""
    pieces = (log_snr[:-1] - log_snr[1:]) * (error[:-1] + error[1:])
    area = torch.cat([pieces.new_zeros(1), torch.cumsum(pieces, 0)])
    goal = area[-1] * torch.linspace(0, 1, n + 1, dtype=area.dtype)
    right = torch.searchsorted(area[1:-1].contiguous(), goal) + 1
    share = (goal - area[right - 1]) / (area[right] - area[right - 1])
    return log_snr[right - 1] + share * (log_snr[right] - log_snr[right - 1])


def _even(log_snr: Tensor, error: Tensor, n: int) -> Tensor:
    return torch.linspace(float(log_snr[0]), float(log_snr[-1]), n + 1, dtype=log_snr.dtype)


def _with(rule: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda log_snr, error, n: best_path(log_snr, rule(error), n)


def _no_widths(log_snr: Tensor, error: Tensor, n: int) -> Tensor:
    index = -torch.arange(len(error), dtype=error.dtype)
    place = best_path(index, error, n).neg()
    low = place.floor().long().clamp(max=len(error) - 2)
    return log_snr[low] + (place - low) * (log_snr[low + 1] - log_snr[low])


def _nearest(log_snr: Tensor, error: Tensor, n: int) -> Tensor:
    path = best_path(log_snr, error, n)
    return log_snr[(path.unsqueeze(1) - log_snr).abs().argmin(1)]


def _area(log_snr: Tensor, error: Tensor, n: int) -> Tensor:
    pieces = (log_snr[:-1] - log_snr[1:]) * (error[:-1] + error[1:]) / 2
    return pieces.sum() * torch.linspace(0, 1, n + 1, dtype=pieces.dtype)


def _draw_path(d: Draw) -> Iterator[Case]:
    def question(points: int, n: int, top: float = 4.0) -> tuple[Tensor, Tensor, int]:
        drops = 0.3 + torch.rand(points - 1, generator=d.generator, dtype=F64)
        grid = top + d.uniform(0, 1) - torch.cat([torch.zeros(1, dtype=F64), torch.cumsum(drops, 0)])
        return grid, torch.sigmoid(1.3 * grid + d.uniform(0, 2)) + 0.05, n

    asked = question(14, 6)
    yield Case("fourteen levels, six steps", asked)
    yield Case("more steps than levels", question(9, 20))
    yield Case("one step: the two ends", question(7, 1), "edges")
    yield Case("four levels", question(4, 5, top=-0.5), "edges")
    grid, *_ = question(10, 4)
    yield Case("the same error everywhere", (grid, torch.full_like(grid, 0.7), 4), "edges")
    yield Case("called twice", asked, "clean", "twice")


EXERCISE = Exercise(
    name="latent.best_path",
    prompt="Find the path of log ratios on which every time u weighs the same.",
    signature="best_path(log_snr (m,) falling, error (m,), n int) -> (n+1,), the log ratio at u = 0, 1/n, .., 1",
    reference=best_path,
    draw=_draw_path,
    criteria=criteria(2, 1, 1, at="one step, four levels, the same error everywhere", clean_text=UNTOUCHED),
    equation="12.23",
    difficulty=4,
    minutes=20,
    level="stretch",
    hints=(
        "Where the error is large the path must be slow. Measure the way not in log ratio but in area under the error, and go "
        "at constant speed.",
        "area_i = sum of (lambda_{j-1} - lambda_j)(h_{j-1} + h_j)/2 up to i. The path at u is the lambda at which the area is "
        "u times the whole; interpolate linearly.",
        "find the cell with torch.searchsorted(area, goal), then log_snr[left] + (goal - area[left]) / (area[right] - "
        "area[left]) * (log_snr[right] - log_snr[left])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "even steps",
            _even,
            "this is the straight line from one end to the other. It weighs all u alike only if the error is the same everywhere.",
        ),
        Misconception(
            "fast where the error is large",
            _with(lambda h: 1 / h),
            "this path is fast where the error is large. It must be slow there: slope times error is to be constant.",
        ),
        Misconception(
            "root of the error",
            _with(torch.sqrt),
            "you measured the way by the root of the error. The product of slope and error is to be constant, without a root.",
        ),
        Misconception(
            "square of the error",
            _with(torch.square),
            "you measured the way by the square of the error. The product of slope and error is to be constant.",
        ),
        Misconception(
            "widths forgotten",
            _no_widths,
            "the levels are not evenly spaced: the area of a cell is its width times the mean error.",
        ),
        Misconception(
            "nearest level",
            _nearest,
            "you returned the nearest of the given levels. Interpolate between its neighbours.",
        ),
        Misconception(
            "area for the path",
            _area,
            "these are the areas that the path should have covered. Return the log ratios at which it has.",
        ),
        Misconception(
            "backwards",
            lambda log_snr, error, n: best_path(log_snr, error, n).flip(0),
            "the path runs from the lowest ratio to the highest. At u = 0 there is the least noise.",
        ),
    ),
)
