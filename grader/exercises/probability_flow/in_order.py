"""Put the derivation in order: `in_order`, judged by the numbers on the cards."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.probability_flow.cards import CARDS, FALSE, sides, true_cards
from grader.exercises.probability_flow.common import WITHHOLDS, criteria

Order = tuple[int, ...]


def in_order(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    """From d/dt log p_t(x_t) along true cards, each beginning where the last one ended.  Equation (9.17)."""
    true, line, order = true_cards(cards, left, right), "start", []
    while following := [card for card, (begin, _) in true.items() if begin == line]:
        order.append(following[0])
        line = true[following[0]][1]
    return tuple(order)


def _deal(d: Draw, least_false: int) -> tuple[Tensor, Tensor, Tensor]:
    """The five cards of the derivation and some false ones, shuffled, with both sides of each."""
    left, right = sides(d)
    false = torch.tensor(FALSE)[torch.randperm(len(FALSE), generator=d.generator)]
    dealt = torch.cat([torch.tensor([1, 3, 5, 7, 9]), false[: d.integer(least_false, len(FALSE))]])
    dealt = dealt[torch.randperm(len(dealt), generator=d.generator)]
    return dealt, left[dealt - 1], right[dealt - 1]


def _draw_order(d: Draw) -> Iterator[Case]:
    yield Case("all ten cards", (torch.arange(1, len(CARDS) + 1), *sides(d)))
    yield Case("shuffled cards, other numbers", _deal(d, 5))
    yield Case("some of the false cards", _deal(d, 1))
    yield Case("other numbers again", _deal(d, 1))
    yield Case("called twice", _deal(d, 5), "clean", "twice")


def _always(*order: int) -> Callable[[Tensor, Tensor, Tensor], Order]:
    return lambda cards, left, right: order


def _as_they_lie(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    true = true_cards(cards, left, right)
    return tuple(card for card in cards.tolist() if card in true)


def _positions(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    return tuple(cards.tolist().index(card) for card in in_order(cards, left, right))


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
            _always(6, 7, 5, 9, 1),
            "card 6 holds the point still. x_t moves, so the chain rule gives a second term, v . s.",
        ),
        Misconception(
            "density not divided",
            _always(3, 8, 5, 9, 1),
            "card 8 forgets to divide by p. The derivative of log p is the derivative of p, over p.",
        ),
        Misconception(
            "sign of the continuity equation",
            _always(3, 7, 2, 9, 1),
            "card 2 has lost the minus sign: where more flows out than in, the density falls.",
        ),
        Misconception(
            "half of the product rule",
            _always(3, 7, 5, 4, 1),
            "card 4 takes p out of the divergence as if it were constant. The product rule has a second term, v . grad p.",
        ),
        Misconception(
            "sign of the end",
            _always(3, 7, 5, 9, 10),
            "card 10 ends with plus the divergence. Where the flow spreads, the density falls: minus.",
        ),
        Misconception(
            "stops before the end",
            _always(3, 7, 5, 9),
            "these steps are right, but two terms are left that cancel. One more card.",
        ),
        Misconception(
            "backwards",
            _always(1, 9, 5, 7, 3),
            "this is the derivation read from its end. Begin with d/dt log p_t(x_t).",
        ),
        Misconception(
            "continuity too early",
            _always(3, 5, 7, 9, 1),
            "card 5 begins with (d_t p)/p, but nothing before it has made that: first the derivative of the logarithm.",
        ),
        Misconception(
            "continuity left out",
            _always(3, 7, 9, 1),
            "card 9 begins with the divergence of v p. It comes from the continuity equation, which is missing.",
        ),
        Misconception(
            "true cards as they lie",
            _as_they_lie,
            "you picked the right cards but left them in the order in which they were dealt.",
        ),
        Misconception(
            "places instead of numbers",
            _positions,
            "these are the places of the cards among those dealt. Return the numbers on the cards.",
        ),
    ),
)
