"""Put the derivation of classifier-free guidance in order: `in_order`, judged by the numbers on the cards."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.cards import DECK, true_cards
from grader.exercises.controllable_generation.common import WITHHOLDS, criteria
from grader.exercises.derivation import Order, always, positions


def in_order(cards: Tensor, left: Tensor, right: Tensor) -> Order:
    """From the guided score along true cards, each beginning where the last one ended.  Equations (11.7) to (11.12)."""
    true, line = true_cards(cards, left, right), "start"
    order: Order = ()
    for _ in cards:
        for card in [card for card, (begin, _) in true.items() if begin == line and card not in order]:
            order, line = (*order, card), true[card][1]
    return order


def _draw_order(d: Draw) -> Iterator[Case]:
    yield Case("all nine cards", DECK.all(d))
    yield Case("shuffled cards, other numbers", DECK.deal(d, 5))
    yield Case("some of the false cards", DECK.deal(d, 1))
    yield Case("other numbers again", DECK.deal(d, 2))
    yield Case("called twice", DECK.deal(d, 4), "clean", "twice")


EXERCISE = Exercise(
    name="guidance.in_order",
    prompt="Lay the cards that lead from the guided score to classifier-free guidance in order; leave out the false ones.",
    signature="in_order(cards (n,) int64, left (n,), right (n,)) -> list of card numbers",
    reference=in_order,
    draw=_draw_order,
    criteria=(*criteria(3), Criterion("clean", 1, "input untouched")),
    equation="11.12",
    difficulty=3,
    minutes=12,
    level="proof",
    hints=(
        "Begin with the guided score, log q(x_t) + s log q(y | x_t). Each card begins with the line where the last one "
        "ended. On a false card the two numbers differ.",
        "Bayes' rule for the classifier; the normaliser has no gradient; scores become noises; the other convention. Which "
        "card is which?",
        "return [4, 2, 7, 1]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "stops at the scores",
            always(4, 2),
            "so far these are scores. A network predicts noises: one more card turns the scores into noises, and one more "
            "leads to the other convention.",
        ),
        Misconception(
            "stops before the other convention",
            always(4, 2, 7),
            "this is guidance with s. One more card writes it with w.",
        ),
        Misconception(
            "w taken for s",
            always(4, 2, 7, 5),
            "card 5 puts the same number into both conventions. They differ by one: s = 1 + w.",
        ),
        Misconception(
            "normaliser kept",
            always(4, 6, 7, 1),
            "card 6 keeps log q(y). It does not depend on x_t, so its gradient is zero.",
        ),
        Misconception(
            "sign lost",
            always(4, 2, 9, 1),
            "card 9 loses the minus sign between a score and a noise.",
        ),
        Misconception(
            "factors exchanged",
            always(4, 2, 3, 7, 1),
            "card 3 exchanges the factors: the conditional score has s, the unconditional one 1 - s.",
        ),
        Misconception(
            "guided score taken for a tilted one",
            always(8, 2, 7, 1),
            "card 8 takes the guided score for the score of the tilted density after noise. It is not, and section 8 is "
            "about the difference.",
        ),
        Misconception(
            "noises before scores",
            always(4, 7, 2, 1),
            "card 7 begins with the scores of which card 2 says what they are: 2 comes before 7.",
        ),
        Misconception(
            "Bayes' rule left out",
            always(2, 7, 1),
            "card 2 begins with Bayes' rule already put in, but nothing before it did that.",
        ),
        Misconception(
            "backwards",
            always(1, 7, 2, 4),
            "this is the derivation read from its end. Begin with the guided score.",
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
