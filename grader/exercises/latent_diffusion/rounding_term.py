"""Back to tokens, and what that costs: `rounding_term`."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import F64, WITHHOLDS, criteria

Rounded = tuple[Tensor, Tensor]


def rounding_term(tokens: Tensor, log_posterior: Tensor) -> Rounded:
    """The most likely tokens, and the reconstruction term of (12.16) summed over the places."""
    said = log_posterior.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return log_posterior.argmax(-1), -said.sum(-1)


def _cost(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Rounded]:
    """Another cost: rule(log probabilities of the true tokens (B, L), all of them (B, L, K))."""

    def wrong(tokens: Tensor, log_posterior: Tensor) -> Rounded:
        said = log_posterior.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        return log_posterior.argmax(-1), rule(said, log_posterior)

    return wrong


def _round(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Rounded]:
    return lambda tokens, log_posterior: (rule(tokens, log_posterior), rounding_term(tokens, log_posterior)[1])


def _draw_rounding(d: Draw) -> Iterator[Case]:
    def question(B: int, L: int, K: int, dtype: torch.dtype = F64) -> tuple[Tensor, Tensor]:
        tokens = d.integers(0, K - 1, B * L).reshape(B, L)
        return tokens, torch.log_softmax(2 * d.randn(B, L, K, dtype=dtype), -1)

    asked = question(3, 4, 5)
    yield Case("words of four tokens", asked)
    yield Case("two tokens to choose from", question(5, 3, 2))
    yield Case("one word", question(1, 4, 5), "edges")
    yield Case("one place", question(3, 1, 5), "edges")
    yield Case("equal sizes", question(4, 4, 4), "edges")
    yield Case("float32", question(3, 4, 5, torch.float32), "edges")
    yield Case("called twice", asked, "clean", "twice")


EXERCISE = Exercise(
    name="latent.rounding_term",
    prompt="Round the codes to tokens, and give what the true tokens cost.",
    signature="rounding_term(tokens (B, L) int64, log_posterior (B, L, K)) -> (rounded (B, L), cost (B,) nats)",
    reference=rounding_term,
    draw=_draw_rounding,
    criteria=criteria(2, 1, 1, at="one word, one place, equal sizes, float32", clean_text="inputs untouched"),
    equation="12.16",
    difficulty=2,
    minutes=8,
    hints=(
        "Two questions to the same table: which token is likeliest, and how likely was the one that was meant?",
        "rounded: the place of the largest entry along the last axis. cost: minus the log probability of the true token, "
        "summed over the places.",
        "said = log_posterior.gather(-1, tokens.unsqueeze(-1)).squeeze(-1); return log_posterior.argmax(-1), -said.sum(-1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "cost of the rounded tokens",
            _cost(lambda said, table: -table.amax(-1).sum(-1)),
            "this is the cost of the tokens that the decoder prefers. The data are the true tokens: their cost is asked for.",
        ),
        Misconception(
            "cost with the wrong sign",
            _cost(lambda said, table: said.sum(-1)),
            "a cost is minus a log probability.",
        ),
        Misconception(
            "mean over the places",
            _cost(lambda said, table: -said.mean(-1)),
            "the places are independent given the codes: their costs add up.",
        ),
        Misconception(
            "number of wrong tokens",
            lambda tokens, table: (table.argmax(-1), (table.argmax(-1) != tokens).sum(-1).to(table)),
            "this counts wrong tokens. The bound asks for nats: minus the log probability of the true ones.",
        ),
        Misconception(
            "entropy for the cost",
            _cost(lambda said, table: -(table.exp() * table).sum((-2, -1))),
            "this is the entropy of the decoder's belief. The cost is what the true tokens have to pay.",
        ),
        Misconception(
            "probabilities added",
            _cost(lambda said, table: -said.exp().sum(-1)),
            "you added probabilities. Independent places multiply them, so their logarithms add up.",
        ),
        Misconception(
            "in bits",
            _cost(lambda said, table: -said.sum(-1) / math.log(2)),
            "this is in bits. Nats are asked for.",
        ),
        Misconception(
            "least likely token",
            _round(lambda tokens, table: table.argmin(-1)),
            "you took the least likely token: argmax, not argmin.",
        ),
        Misconception(
            "largest entry for its place",
            _round(lambda tokens, table: table.amax(-1)),
            "this is the largest log probability. The token is its place: argmax.",
        ),
        Misconception(
            "true tokens returned",
            _round(lambda tokens, table: tokens.clone()),
            "the rounded tokens must come from the codes: a sampler has no true tokens to look at.",
        ),
        Misconception(
            "mean over the batch",
            lambda tokens, table: (table.argmax(-1), rounding_term(tokens, table)[1].mean()),
            "one cost per example is asked for, not their mean.",
        ),
    ),
)
