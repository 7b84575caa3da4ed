"""The score of a mixture: `mixture_score`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria


def mixture_score(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    """Equation (6.4) for round components."""
    return (torch.softmax(_log_joint(x, weights, means, stds), 1).unsqueeze(2) * _pulls(x, means, stds)).sum(1)


def _log_joint(x: Tensor, weights: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    square = ((x.unsqueeze(1) - means) ** 2).sum(2)
    return torch.log(weights) - 0.5 * square / stds**2 - x.shape[1] * torch.log(stds)


def _pulls(x: Tensor, means: Tensor, stds: Tensor) -> Tensor:
    return -(x.unsqueeze(1) - means) / (stds**2).unsqueeze(1)


def _shared(shares: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The mixture score with other shares, (B, K)."""
    return lambda x, w, m, s: (shares(x, w, m, s).unsqueeze(2) * _pulls(x, m, s)).sum(1)


def _draw_mixture(d: Draw) -> Iterator[Case]:
    def mixture(K: int, dims: int) -> tuple[Tensor, Tensor, Tensor]:
        weights = torch.softmax(d.randn(K, dtype=torch.float64), 0)
        stds = 0.4 + 0.6 * torch.rand(K, generator=d.generator, dtype=torch.float64)
        return weights, d.randn(K, dims, dtype=torch.float64), stds

    x, three = d.randn(6, 2, dtype=torch.float64), mixture(3, 2)
    yield Case("three components in the plane", (x, *three))
    yield Case("four components in three dimensions", (d.randn(4, 3, dtype=torch.float64), *mixture(4, 3)))
    yield Case("one point", (x[:1], *three), "edges")
    yield Case("as many points as components", (x[1:4], *three), "edges")
    yield Case("one component", (x, *mixture(1, 2)), "edges")
    yield Case("on the line", (d.randn(5, 1, dtype=torch.float64), *mixture(3, 1)), "edges")
    far = x[:2] + torch.tensor([[90.0, -70.0]], dtype=torch.float64)
    yield Case("points far out", (far, *three), "far")
    yield Case("gradient in x", (x, *three), "clean", "gradient", cotangent=d.randn(6, 2, dtype=torch.float64))
    yield Case("called twice", (x, *three), "clean", "twice")


def _density(x: Tensor, w: Tensor, m: Tensor, s: Tensor) -> Tensor:
    square = ((x.unsqueeze(1) - m) ** 2).sum(2)
    return w * torch.exp(-0.5 * square / s**2) / (2 * torch.pi * s**2) ** (x.shape[1] / 2)


def _naive_shares(x: Tensor, w: Tensor, m: Tensor, s: Tensor) -> Tensor:
    p = _density(x, w, m, s)
    return p / p.sum(1, keepdim=True)


def _nearest(x: Tensor, w: Tensor, m: Tensor, s: Tensor) -> Tensor:
    return torch.nn.functional.one_hot(_log_joint(x, w, m, s).argmax(1), len(w)).to(x)


EXERCISE = Exercise(
    name="score.mixture_score",
    prompt="The score of a mixture of round Gaussians.",
    signature="mixture_score(x (B, d), weights (K,), means (K, d), stds (K,)) -> (B, d)",
    reference=mixture_score,
    draw=_draw_mixture,
    criteria=(
        *criteria(2, 1, 1, at="one point, one component, as many points as components, the line"),
        Criterion("far", 1, "finite far from the data"),
    ),
    equation="6.4",
    difficulty=3,
    minutes=15,
    hints=(
        "Each component pulls towards its own mean. How much its pull counts at x is its share of the density at x.",
        "shares = softmax over k of log w_k - |x - mean_k|^2 / (2 std_k^2) - d log std_k; "
        "pull_k = -(x - mean_k) / std_k^2; the score is the sum of share times pull.",
        "y = x[:, None] - means; r = torch.softmax(torch.log(weights) - 0.5 * (y**2).sum(2) / stds**2 "
        "- x.shape[1] * torch.log(stds), 1); return -(r[..., None] * y / stds[:, None]**2).sum(1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "weights for shares",
            _shared(lambda x, w, m, s: w.expand(len(x), -1)),
            "every component pulls with its weight w_k, wherever x is. A component that is far from x has hardly any "
            "density there: use its share of the density at x.",
        ),
        Misconception(
            "shares without weights",
            _shared(lambda x, w, m, s: torch.softmax(_log_joint(x, torch.ones_like(w), m, s), 1)),
            "the weights w_k are missing in the shares: a heavy component has more of the density.",
        ),
        Misconception(
            "shares without volume",
            _shared(lambda x, w, m, s: torch.softmax(_log_joint(x, w, m, s) + x.shape[1] * torch.log(s), 1)),
            "in the shares the factor 1/std_k^d of each density is missing. It does not cancel: the stds differ.",
        ),
        Misconception(
            "volume of one dimension",
            _shared(lambda x, w, m, s: torch.softmax(_log_joint(x, w, m, s) + (x.shape[1] - 1) * torch.log(s), 1)),
            "in the shares each density has the factor 1/std_k. In d dimensions it is 1/std_k^d.",
        ),
        Misconception(
            "nearest component only",
            _shared(_nearest),
            "only the strongest component pulls. Between two components both do, each with its share.",
        ),
        Misconception(
            "sign",
            lambda *args: -mixture_score(*args),
            "the sign is wrong: the arrows lead away from the data.",
        ),
        Misconception(
            "std for variance",
            lambda x, w, m, s: (
                -(torch.softmax(_log_joint(x, w, m, s), 1).unsqueeze(2) * (x.unsqueeze(1) - m) / s.unsqueeze(1)).sum(1)
            ),
            "each pull is divided by the standard deviation. Divide by the variance, std_k^2.",
        ),
        Misconception(
            "gradient of the density",
            lambda x, w, m, s: (_density(x, w, m, s).unsqueeze(2) * _pulls(x, m, s)).sum(1),
            "this is the gradient of p. The score is the gradient of log p: divide by p.",
        ),
        Misconception(
            "quotient of densities",
            _shared(_naive_shares),
            "right near the data, but far out every density rounds to 0 and 0/0 is nan. Compute the shares with softmax.",
        ),
    ),
)
