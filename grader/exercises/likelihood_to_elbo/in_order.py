"""Put the derivation in order: `in_order`, judged by the numbers on the cards."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.derivation import Order, always, positions
from grader.exercises.likelihood_to_elbo.cards import DECK, true_cards
from grader.exercises.likelihood_to_elbo.common import WITHHOLDS, criteria


def in_order(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    """From -log p(x_0) along true cards, each beginning where the last one ended.  Equations (3.6) to (3.10)."""
    true, line, order = true_cards(cards, left, right), "start", []
    while following := [card for card, (begin, _) in true.items() if begin == line]:
        order.append(following[0])
        line = true[following[0]][1]
    return tuple(order)


def _draw_order(d: Draw) -> Iterator[Case]:
    yield Case("all nine cards", DECK.all(d))
    yield Case("shuffled cards, other numbers", DECK.deal(d, 4))
    yield Case("some of the false cards", DECK.deal(d, 1))
    yield Case("other numbers again", DECK.deal(d, 1))
    yield Case("called twice", DECK.deal(d, 4), "clean", "twice")


EXERCISE = Exercise(
    name="bound.in_order",
    prompt="Lay the cards that prove the bound in order, and leave out the false ones.",
    signature="in_order(cards (n,) int64, left (n,), right (n,)) -> list of card numbers",
    reference=in_order,
    draw=_draw_order,
    criteria=(*criteria(4), Criterion("clean", 1, "input untouched")),
    equation="3.10",
    difficulty=3,
    minutes=15,
    level="proof",
    hints=(
        "Begin at -log p(x_0). Each card begins with the line where the last one ended. Four cards are false: their two "
        "sides differ in numbers.",
        "Constant under an expectation; chain rule of probability; times q/q; split the logarithm; leave out what is never "
        "negative. Which card is which?",
        "return [4, 2, 6, 7, 1]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "stops before the bound",
            always(4, 2, 6, 7),
            "these are all equalities: so far nothing is bounded. One more card leaves out a term that is never negative.",
        ),
        Misconception(
            "q taken for the posterior",
            always(4, 2, 3),
            "card 3 puts q(x_{1:T} | x_0) in the place of p(x_{1:T} | x_0). Those are two different densities, and how much "
            "they differ is the gap.",
        ),
        Misconception(
            "divergence added",
            always(4, 2, 6, 5, 1),
            "card 5 adds the divergence. q/p_posterior stands inside a minus log: the divergence is subtracted.",
        ),
        Misconception(
            "chain rule before the expectation",
            always(2, 4, 6, 7, 1),
            "card 2 already begins with an expectation. First card 4 has to put it there.",
        ),
        Misconception(
            "chain rule left out",
            always(4, 6, 7, 1),
            "card 6 begins with the ratio p(x_{0:T}) / p(x_{1:T} | x_0), but nothing before it made that ratio.",
        ),
        Misconception(
            "backwards",
            always(1, 7, 6, 2, 4),
            "this is the derivation read from its end. Begin with -log p(x_0).",
        ),
        Misconception(
            "prior for the posterior",
            always(4, 9, 6, 7, 1),
            "card 9 divides by p(x_T). The chain rule divides by p(x_{1:T} | x_0): all that is not x_0, given x_0.",
        ),
        Misconception(
            "joint averaged over q",
            always(
                8,
            ),
            "card 8 averages the joint density over q. To get p(x_0), the joint is integrated, not averaged: q would have "
            "to be divided out first.",
        ),
        Misconception(
            "true cards as they lie",
            DECK.as_they_lie,
            "you picked the right cards but left them in the order in which they were dealt.",
        ),
        Misconception(
            "places instead of numbers",
            positions(in_order),
            "these are the places of the cards among those dealt. Return the numbers on the cards.",
        ),
    ),
)
