"""Put the derivation of the Fokker-Planck equation in order: `in_order`, judged by the numbers on the cards."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.derivation import Order, always, positions
from grader.exercises.stochastic_differential_equations.cards import DECK, true_cards
from grader.exercises.stochastic_differential_equations.common import WITHHOLDS, criteria


def in_order(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    """From the rate of a mean along true cards, each beginning where the last one ended.  Equations (8.11) to (8.22)."""
    true, line, order = true_cards(cards, left, right), "rate", []
    for _ in true:
        following = [card for card, (begin, _) in true.items() if begin == line]
        if following:
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
    name="sde.in_order",
    prompt="Lay the cards that prove the Fokker-Planck equation in order, and leave out the false ones.",
    signature="in_order(cards (n,) int64, left (n,), right (n,)) -> list of card numbers",
    reference=in_order,
    draw=_draw_order,
    criteria=criteria(4, 0, 1),
    equation="8.22",
    difficulty=3,
    minutes=15,
    level="proof",
    hints=(
        "Begin at the rate of the mean of phi. Each card begins with the line where the last one ended. Four cards are "
        "false: their two sides differ in numbers.",
        "Itô's rule; by parts for the drift; by parts for the noise, twice; take phi out. Which card is which?",
        "return [6, 3, 8, 1, 5]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "ordinary chain rule",
            always(2),
            "card 2 is the chain rule for smooth paths. It forgets that dw^2 = dt: half of g^2 times phi'' is missing.",
        ),
        Misconception(
            "by parts without a sign",
            always(6, 3, 4),
            "card 4 moves a derivative without changing the sign. Every integration by parts brings a minus.",
        ),
        Misconception(
            "drift taken out of the derivative",
            always(6, 7, 8, 1, 5),
            "card 7 differentiates p alone. The drift depends on x too: it is (f p)', the derivative of the product.",
        ),
        Misconception(
            "g not squared",
            always(6, 3, 8, 1, 9),
            "card 9 ends with g where g^2 has been all along.",
        ),
        Misconception(
            "stops before phi is alone",
            always(6, 3, 8, 1),
            "one card is missing: phi must stand alone before a bracket, so that the bracket can be compared for every phi.",
        ),
        Misconception(
            "one integration too few",
            always(6, 3, 8, 5),
            "card 5 begins with p''. After card 8 there is still p' and phi': one more integration by parts.",
        ),
        Misconception(
            "noise before drift",
            always(6, 8, 3, 1, 5),
            "card 8 begins where the drift has been integrated by parts already. That is what card 3 does.",
        ),
        Misconception(
            "backwards",
            always(5, 1, 8, 3, 6),
            "this is the derivation read from its end. Begin with the rate of the mean of phi.",
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
