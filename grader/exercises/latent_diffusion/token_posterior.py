"""Which token was it? `token_posterior`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, WITHHOLDS, criteria


def token_posterior(z: Tensor, table: Tensor, std: float, log_p: Tensor) -> Tensor:
    """The logarithm of equation (12.15)."""
    square = ((z.unsqueeze(-2) - table) ** 2).sum(-1)
    return torch.log_softmax(log_p - square / (2 * std**2), -1)


def _logits(rule: Callable[[Tensor, Tensor, float, Tensor], Tensor]) -> Callable[..., Tensor]:
    """Another number for each token before the softmax: rule(difference, square, std, log_p)."""

    def wrong(z: Tensor, table: Tensor, std: float, log_p: Tensor) -> Tensor:
        difference = z.unsqueeze(-2) - table
        return torch.log_softmax(rule(difference, (difference**2).sum(-1), std, log_p), -1)

    return wrong


def _unnormalised(z: Tensor, table: Tensor, std: float, log_p: Tensor) -> Tensor:
    return log_p - ((z.unsqueeze(-2) - table) ** 2).sum(-1) / (2 * std**2)


def _over_places(z: Tensor, table: Tensor, std: float, log_p: Tensor) -> Tensor:
    return torch.log_softmax(_unnormalised(z, table, std, log_p), -2)


def _draw_posterior(d: Draw) -> Iterator[Case]:
    def question(B: int, L: int, K: int, n: int, dtype: torch.dtype = F64) -> tuple[object, ...]:
        table, log_p = d.randn(K, n, dtype=dtype), torch.log_softmax(1.5 * d.randn(K, dtype=dtype), 0)
        return d.randn(B, L, n, dtype=dtype), table, d.uniform(0.55, 0.85), log_p

    asked = question(3, 2, 4, 2)
    yield Case("words of two tokens", asked)
    yield Case("other sizes", question(2, 3, 5, 3))
    yield Case("one word", question(1, 2, 4, 2), "edges")
    yield Case("as many places as tokens and coordinates", question(3, 3, 3, 3), "edges")
    z, table, std, log_p = question(2, 2, 4, 2)
    yield Case("far from every embedding", (60 + z, table, std, log_p), "edges")  # type: ignore[operator]
    yield Case("float32 stays float32", question(2, 2, 4, 2, torch.float32), "edges", strict_dtype=True)
    yield Case("called twice", asked, "clean", "twice")
    yield Case("gradient in z", asked, "clean", "gradient", cotangent=d.randn(3, 2, 4, dtype=F64))
    yield Case("gradient in the table", asked, "clean", "gradient", wrt=1, cotangent=d.randn(3, 2, 4, dtype=F64))


EXERCISE = Exercise(
    name="latent.token_posterior",
    prompt="Give the log probability of every token at every place, once its code has been seen.",
    signature="token_posterior(z (B, L, n), table (K, n), std float, log_p (K,)) -> (B, L, K) nats",
    reference=token_posterior,
    draw=_draw_posterior,
    criteria=criteria(3, 1, 1, at="one word, equal sizes, far away, float32"),
    equation="12.15",
    difficulty=2,
    minutes=12,
    hints=(
        "Bayes' rule with K candidates. What does not depend on the token cancels in the ratio.",
        "log_softmax over the tokens of log_p - ||z - e_w||^2 / (2 std^2).",
        "square = ((z.unsqueeze(-2) - table) ** 2).sum(-1); return torch.log_softmax(log_p - square / (2 * std**2), -1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "frequencies forgotten",
            _logits(lambda e, q, std, log_p: -q / (2 * std**2)),
            "log_p is missing: between two tokens that are equally near, the more frequent one is likelier.",
        ),
        Misconception(
            "standard deviation not squared",
            _logits(lambda e, q, std, log_p: log_p - q / (2 * std)),
            "the squared distance is divided by 2 std. A square is measured in variances: 2 std^2.",
        ),
        Misconception(
            "two forgotten",
            _logits(lambda e, q, std, log_p: log_p - q / std**2),
            "the factor 2 is missing: the exponent of a normal density is -distance^2 / (2 std^2).",
        ),
        Misconception(
            "sign of the distance",
            _logits(lambda e, q, std, log_p: log_p + q / (2 * std**2)),
            "far tokens come out likelier than near ones: the squared distance is subtracted.",
        ),
        Misconception(
            "distance not squared",
            _logits(lambda e, q, std, log_p: log_p - q.sqrt() / (2 * std**2)),
            "you used the distance. The exponent of a normal density holds its square.",
        ),
        Misconception(
            "frequencies subtracted",
            _logits(lambda e, q, std, log_p: -log_p - q / (2 * std**2)),
            "frequent tokens come out as unlikely: log_p is added.",
        ),
        Misconception(
            "probability among log densities",
            _logits(lambda e, q, std, log_p: torch.exp(log_p) - q / (2 * std**2)),
            "you added p(w), but the rest are logarithms: add log_p.",
        ),
        Misconception(
            "mean over the coordinates",
            _logits(lambda e, q, std, log_p: log_p - (e**2).mean(-1) / (2 * std**2)),
            "the squared distance is the sum over the coordinates, not their mean.",
        ),
        Misconception(
            "not normalised",
            _unnormalised,
            "these numbers are not probabilities yet: subtract their logsumexp, which is what log_softmax does.",
        ),
        Misconception(
            "normalised over the places",
            _over_places,
            "the softmax runs over the places. At each place the tokens compete: the last axis.",
        ),
        Misconception(
            "probabilities, not logarithms",
            lambda *args: torch.exp(token_posterior(*args)),
            "these are probabilities. Their logarithms are asked for.",
        ),
    ),
)
