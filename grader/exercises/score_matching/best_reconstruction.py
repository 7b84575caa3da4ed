"""What the best denoising autoencoder does on a data set: `best_reconstruction`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria


def best_reconstruction(x: Tensor, points: Tensor, sigma: float) -> Tensor:
    """Equation (6.32)."""
    return _mixed(torch.softmax(-_squares(x, points) / (2 * sigma**2), 1), points)


def _squares(x: Tensor, points: Tensor) -> Tensor:
    """Squared distances, (B, N)."""
    return ((x.flatten(1).unsqueeze(1) - points.flatten(1)) ** 2).sum(2)


def _mixed(shares: Tensor, points: Tensor) -> Tensor:
    return torch.einsum("bn,n...->b...", shares, points)


def _wrong(rule: Callable[[Tensor, float], Tensor]) -> Callable[[Tensor, Tensor, float], Tensor]:
    """The mean with other shares, made of the squared distances."""
    return lambda x, points, sigma: _mixed(rule(_squares(x, points), sigma), points)


def _naive(squares: Tensor, sigma: float) -> Tensor:
    w = torch.exp(-squares / (2 * sigma**2))
    return w / w.sum(1, keepdim=True)


def _draw_best(d: Draw) -> Iterator[Case]:
    x, points = d.randn(4, 3, dtype=torch.float64), d.randn(6, 3, dtype=torch.float64)
    images = d.randn(3, 1, 2, 3, dtype=torch.float64), d.randn(5, 1, 2, 3, dtype=torch.float64)
    sigma = d.uniform(0.6, 0.85)
    yield Case("vectors", (x, points, sigma))
    yield Case("images", (*images, d.uniform(1.2, 1.6)))
    yield Case("much noise", (x, points, d.uniform(4, 6)))
    yield Case("as many points as examples", (x, points[:4], sigma), "edges")
    yield Case("one example", (x[:1], points, sigma), "edges")
    yield Case("one data point", (x, points[:1], sigma), "edges")
    yield Case("hardly any noise", (x, points, d.uniform(0.01, 0.02)), "sharp")
    # With hardly any noise the nearest point takes nearly all, whatever the shares are; with little it does not.
    yield Case("little noise", (x, points, d.uniform(0.4, 0.5)), "sharp")
    yield Case("gradient in x", (x, points, sigma), "clean", "gradient", cotangent=d.randn(4, 3, dtype=torch.float64))
    yield Case("called twice", (x, points, sigma), "clean", "twice")


EXERCISE = Exercise(
    name="score.best_reconstruction",
    prompt="The reconstruction with the least squared error, when the data is a finite set of points.",
    signature="best_reconstruction(x (B, *D), points (N, *D), sigma float) -> (B, *D)",
    reference=best_reconstruction,
    draw=_draw_best,
    criteria=(
        *criteria(2, 1, 1, at="one example, one data point, as many points as examples"),
        Criterion("sharp", 1, "finite with hardly any noise"),
    ),
    equation="6.32",
    difficulty=3,
    minutes=15,
    hints=(
        "Which data point may x have been made from? Each one, with a probability that falls with its distance. "
        "The best guess is the mean of the points with these probabilities.",
        "pi = softmax over n of -|x - point_n|^2 / (2 sigma^2), then the sum of pi_n point_n.",
        "sq = ((x.flatten(1)[:, None] - points.flatten(1)) ** 2).sum(2); "
        "return torch.einsum('bn,n...->b...', torch.softmax(-sq / (2 * sigma**2), 1), points)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "nearest point",
            _wrong(lambda sq, sigma: torch.nn.functional.one_hot(sq.argmin(1), sq.shape[1]).to(sq)),
            "this is the nearest data point. It is the most probable one; the least squared error has the mean over all.",
        ),
        Misconception(
            "plain mean",
            _wrong(lambda sq, sigma: torch.full_like(sq, 1 / sq.shape[1])),
            "this is the mean of the data, whatever x is. Weight each point by the probability that x came from it.",
        ),
        Misconception(
            "sigma not squared",
            _wrong(lambda sq, sigma: torch.softmax(-sq / (2 * sigma), 1)),
            "sigma must be squared below the squared distance.",
        ),
        Misconception(
            "two forgotten",
            _wrong(lambda sq, sigma: torch.softmax(-sq / sigma**2, 1)),
            "the 2 of the normal density is missing: -distance^2 / (2 sigma^2).",
        ),
        Misconception(
            "distance not squared",
            _wrong(lambda sq, sigma: torch.softmax(-sq.sqrt() / (2 * sigma**2), 1)),
            "the distance in the exponent must be squared.",
        ),
        Misconception(
            "far points preferred",
            _wrong(lambda sq, sigma: torch.softmax(sq / (2 * sigma**2), 1)),
            "the sign in the exponent is wrong: far points get the weight.",
        ),
        Misconception(
            "softmax over the batch",
            _wrong(lambda sq, sigma: torch.softmax(-sq / (2 * sigma**2), 0)),
            "the probabilities add to 1 over the batch. For each x they must add to 1 over the data points: dim=1.",
        ),
        Misconception(
            "mean over coordinates",
            lambda x, p, sigma: _mixed(torch.softmax(-_squares(x, p) / (2 * sigma**2 * x[0].numel()), 1), p),
            "the squared distance is averaged over the coordinates. It is their sum.",
        ),
        Misconception(
            "what was removed",
            lambda x, p, sigma: x - best_reconstruction(x, p, sigma),
            "this is what the reconstruction takes away from x. The reconstruction itself is asked for.",
        ),
        Misconception(
            "quotient of exponentials",
            _wrong(_naive),
            "right with much noise, but with little noise every exponential rounds to 0 and 0/0 is nan. Use torch.softmax.",
        ),
    ),
)
