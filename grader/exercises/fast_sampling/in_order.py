"""Put the derivation of the exponential integrator in order: `in_order`, judged by the numbers on the cards."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.derivation import Order, always, positions
from grader.exercises.fast_sampling.cards import DECK, true_cards
from grader.exercises.fast_sampling.common import WITHHOLDS, criteria


def in_order(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    """From x_s along true cards, each beginning where the last one ended.  Equation (10.21)."""
    true, line, order = true_cards(cards, left, right), "start", []
    while following := [card for card, (begin, _) in true.items() if begin == line]:
        order.append(following[0])
        line = true[following[0]][1]
    return tuple(order)


def _draw(d: Draw) -> Iterator[Case]:
    yield Case("all ten cards", DECK.all(d))
    yield Case("shuffled cards, other numbers", DECK.deal(d, 4))
    yield Case("some of the false cards", DECK.deal(d, 1))
    yield Case("called twice", DECK.deal(d, 4), "clean", "twice")


EXERCISE = Exercise(
    name="fast.in_order",
    prompt="Lay the cards that lead from x_s to the exponential integrator in order, and leave out the false ones.",
    signature="in_order(cards (n,) int64, left (n,), right (n,)) -> tuple of card numbers",
    reference=in_order,
    draw=_draw,
    criteria=(*criteria(4), Criterion("clean", 1, "input untouched")),
    equation="10.21",
    difficulty=3,
    minutes=15,
    level="proof",
    hints=(
        "Begin at x_s. Each card begins with the line where the last one ended. Five cards are false: their sides differ in "
        "numbers.",
        "Write x_s through y_s; integrate dy/du = eps; multiply out; change from u to lambda, with du = -exp(-lambda) dlambda; "
        "bring sqrt(1 - alpha_bar_s) to the front.",
        "return (3, 5, 8, 1, 6)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "stops before the last card",
            always(3, 5, 8, 1),
            "this is true, but not yet the form in which sqrt(1 - alpha_bar_s) stands in front: one more card.",
        ),
        Misconception(
            "slope held already",
            always(3, 7),
            "card 7 keeps eps constant over the step. That is Euler's method, an approximation. So far everything is exact.",
        ),
        Misconception(
            "sign of the change of variables",
            always(3, 5, 8, 4),
            "card 4 loses a sign: u falls as lambda rises, du = -exp(-lambda) dlambda.",
        ),
        Misconception(
            "u as exp(lambda)",
            always(3, 5, 8, 9),
            "card 9 takes u for exp(lambda). lambda is the logarithm of signal over noise, u is noise over signal.",
        ),
        Misconception(
            "y_t taken for x_t",
            always(3, 5, 2),
            "card 2 puts x_t in the place of y_t. They differ by the factor sqrt(alpha_bar_t).",
        ),
        Misconception(
            "exponent upside down",
            always(3, 5, 8, 1, 10),
            "card 10 has exp(lambda - lambda_s). From sqrt(alpha_bar_s) = exp(lambda_s) sqrt(1 - alpha_bar_s) comes "
            "exp(lambda_s - lambda).",
        ),
        Misconception(
            "first card left out",
            always(5, 8, 1, 6),
            "card 5 begins with sqrt(alpha_bar_s) y_s, but the derivation begins at x_s.",
        ),
        Misconception(
            "changed variables too early",
            always(3, 5, 1, 8, 6),
            "card 1 begins with the line in which x_t stands by itself. Card 8 has to make that line first.",
        ),
        Misconception(
            "backwards",
            always(6, 1, 8, 5, 3),
            "this is the derivation read from its end. Begin with x_s.",
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
