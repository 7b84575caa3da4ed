"""Put the derivation in order: `in_order`, judged by the numbers on the cards."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.cards import FALSE, TRUE, sides, true_cards
from grader.exercises.latent_diffusion.common import UNTOUCHED, WITHHOLDS, criteria

Order = tuple[int, ...]


def in_order(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    """From -log p(x) along true cards, each beginning where the last one ended.  Equations (12.1) to (12.7)."""
    following = {begin: (card, end) for card, (begin, end) in true_cards(cards, left, right).items()}
    line, order = "start", []
    for _ in cards:
        if line in following:
            card, line = following[line]
            order.append(card)
    return tuple(order)


def _deal(d: Draw, least_false: int) -> tuple[Tensor, Tensor, Tensor]:
    """The five cards of the derivation and some false ones, shuffled, with both sides of each."""
    left, right = sides(d)
    false = torch.tensor(FALSE)[torch.randperm(len(FALSE), generator=d.generator)]
    dealt = torch.cat([torch.tensor(TRUE), false[: d.integer(least_false, len(FALSE))]])
    dealt = dealt[torch.randperm(len(dealt), generator=d.generator)]
    return dealt, left[dealt - 1], right[dealt - 1]


def _draw_order(d: Draw) -> Iterator[Case]:
    left, right = sides(d)
    yield Case("all ten cards", (torch.arange(1, 11), left, right))
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
    name="latent.in_order",
    prompt="Lay the cards that prove the joint bound in order, and leave out the false ones.",
    signature="in_order(cards (n,) int64, left (n,), right (n,)) -> list of card numbers",
    reference=in_order,
    draw=_draw_order,
    criteria=criteria(4, 0, 1, clean_text=UNTOUCHED),
    equation="12.7",
    difficulty=3,
    minutes=15,
    level="proof",
    hints=(
        "Begin at -log p(x). Each card begins with the line where the last one ended. Five cards are false: their numbers "
        "do not bear out what they claim.",
        "Bound with the encoder as helper; split the logarithm; speak of u instead of z; bound of the chain; name the entropy.",
        "return [4, 7, 2, 9, 5]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "volume with the wrong sign",
            _always(4, 7, 1, 9, 5),
            "card 1 subtracts log s. Codes squeezed by s are s times denser, so -log p(z) = -log p(u) + log s.",
        ),
        Misconception(
            "volume forgotten",
            _always(4, 7, 10),
            "card 10 gives the chain the codes as they are. The chain was made for u, and the change of volume is missing.",
        ),
        Misconception(
            "bound taken for an equality",
            _always(4, 7, 2, 8, 5),
            "card 8 claims that the chain's bound is equal to -log p(u). It is at least that: the chain has a gap of its own.",
        ),
        Misconception(
            "entropy added",
            _always(4, 7, 2, 9, 3),
            "card 3 adds the entropy. E[log q] is minus the entropy.",
        ),
        Misconception(
            "decoder alone",
            _always(6, 7, 2, 9, 5),
            "card 6 leaves out everything but the decoder. A code costs something too.",
        ),
        Misconception(
            "entropy not named",
            _always(4, 7, 2, 9),
            "this is the bound already, but the derivation ends with the entropy in its place. One more card.",
        ),
        Misconception(
            "terms before the bound",
            _always(7, 4, 2, 9, 5),
            "card 7 begins with E_q[log q/p]. First card 4 has to lead there.",
        ),
        Misconception(
            "chain before the scale",
            _always(4, 7, 9, 2, 5),
            "card 9 speaks of u. First card 2 has to bring u in.",
        ),
        Misconception(
            "backwards",
            _always(5, 9, 2, 7, 4),
            "this is the derivation read from its end. Begin with -log p(x).",
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
