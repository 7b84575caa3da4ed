"""Put the derivation in order: `in_order`, judged by the numbers on the cards."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.derivation import Order, always, positions
from grader.exercises.probability_flow.cards import DECK, true_cards
from grader.exercises.probability_flow.common import WITHHOLDS, criteria


def in_order(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    """From d/dt log p_t(x_t) along true cards, each beginning where the last one ended.  Equation (9.17)."""
    true, line, order = true_cards(cards, left, right), "start", []
    while following := [card for card, (begin, _) in true.items() if begin == line]:
        order.append(following[0])
        line = true[following[0]][1]
    return tuple(order)


def _draw_order(d: Draw) -> Iterator[Case]:
    yield Case("all ten cards", DECK.all(d))
    yield Case("shuffled cards, other numbers", DECK.deal(d, 5))
    yield Case("some of the false cards", DECK.deal(d, 1))
    yield Case("other numbers again", DECK.deal(d, 1))
    yield Case("called twice", DECK.deal(d, 5), "clean", "twice")


EXERCISE = Exercise(
    name="flow.in_order",
    prompt="Lay the cards that prove the instantaneous change of variables in order, and leave out the false ones.",
    signature="in_order(cards (n,) int64, left (n,), right (n,)) -> list of card numbers",
    reference=in_order,
    draw=_draw_order,
    criteria=(*criteria(4), Criterion("clean", 1, "input untouched")),
    equation="9.17",
    difficulty=3,
    minutes=15,
    level="proof",
    hints=(
        "Begin at d/dt log p_t(x_t). Both the density and the place change with t. Five cards are false: their two sides "
        "differ in numbers.",
        "Chain rule; derivative of a logarithm; continuity equation; product rule; two terms cancel. Which card is which?",
        "return [3, 7, 5, 9, 1]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "point held still",
            always(6, 7, 5, 9, 1),
            "card 6 holds the point still. x_t moves, so the chain rule gives a second term, v . s.",
        ),
        Misconception(
            "density not divided",
            always(3, 8, 5, 9, 1),
            "card 8 forgets to divide by p. The derivative of log p is the derivative of p, over p.",
        ),
        Misconception(
            "sign of the continuity equation",
            always(3, 7, 2, 9, 1),
            "card 2 has lost the minus sign: where more flows out than in, the density falls.",
        ),
        Misconception(
            "half of the product rule",
            always(3, 7, 5, 4, 1),
            "card 4 takes p out of the divergence as if it were constant. The product rule has a second term, v . grad p.",
        ),
        Misconception(
            "sign of the end",
            always(3, 7, 5, 9, 10),
            "card 10 ends with plus the divergence. Where the flow spreads, the density falls: minus.",
        ),
        Misconception(
            "stops before the end",
            always(3, 7, 5, 9),
            "these steps are right, but two terms are left that cancel. One more card.",
        ),
        Misconception(
            "backwards",
            always(1, 9, 5, 7, 3),
            "this is the derivation read from its end. Begin with d/dt log p_t(x_t).",
        ),
        Misconception(
            "continuity too early",
            always(3, 5, 7, 9, 1),
            "card 5 begins with (d_t p)/p, but nothing before it has made that: first the derivative of the logarithm.",
        ),
        Misconception(
            "continuity left out",
            always(3, 7, 9, 1),
            "card 9 begins with the divergence of v p. It comes from the continuity equation, which is missing.",
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
