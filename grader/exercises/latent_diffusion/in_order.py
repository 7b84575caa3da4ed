"""Put the derivation in order: `in_order`, judged by the numbers on the cards."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.derivation import Order, always, positions
from grader.exercises.latent_diffusion.cards import DECK, true_cards
from grader.exercises.latent_diffusion.common import UNTOUCHED, WITHHOLDS, criteria


def in_order(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    """From -log p(x) along true cards, each beginning where the last one ended.  Equations (12.1) to (12.7)."""
    following = {begin: (card, end) for card, (begin, end) in true_cards(cards, left, right).items()}
    line, order = "start", []
    for _ in cards:
        if line in following:
            card, line = following[line]
            order.append(card)
    return tuple(order)


def _draw_order(d: Draw) -> Iterator[Case]:
    yield Case("all ten cards", DECK.all(d))
    yield Case("shuffled cards, other numbers", DECK.deal(d, 5))
    yield Case("some of the false cards", DECK.deal(d, 1))
    yield Case("other numbers again", DECK.deal(d, 1))
    yield Case("called twice", DECK.deal(d, 5), "clean", "twice")


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
            always(4, 7, 1, 9, 5),
            "card 1 subtracts log s. Codes squeezed by s are s times denser, so -log p(z) = -log p(u) + log s.",
        ),
        Misconception(
            "volume forgotten",
            always(4, 7, 10),
            "card 10 gives the chain the codes as they are. The chain was made for u, and the change of volume is missing.",
        ),
        Misconception(
            "bound taken for an equality",
            always(4, 7, 2, 8, 5),
            "card 8 claims that the chain's bound is equal to -log p(u). It is at least that: the chain has a gap of its own.",
        ),
        Misconception(
            "entropy added",
            always(4, 7, 2, 9, 3),
            "card 3 adds the entropy. E[log q] is minus the entropy.",
        ),
        Misconception(
            "decoder alone",
            always(6, 7, 2, 9, 5),
            "card 6 leaves out everything but the decoder. A code costs something too.",
        ),
        Misconception(
            "entropy not named",
            always(4, 7, 2, 9),
            "this is the bound already, but the derivation ends with the entropy in its place. One more card.",
        ),
        Misconception(
            "terms before the bound",
            always(7, 4, 2, 9, 5),
            "card 7 begins with E_q[log q/p]. First card 4 has to lead there.",
        ),
        Misconception(
            "chain before the scale",
            always(4, 7, 9, 2, 5),
            "card 9 speaks of u. First card 2 has to bring u in.",
        ),
        Misconception(
            "backwards",
            always(5, 9, 2, 7, 4),
            "this is the derivation read from its end. Begin with -log p(x).",
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
