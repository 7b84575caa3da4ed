"""What every "put the derivation in order" shares: cards with numbers, of which the numbers tell the true ones.

A card leads from one line of a derivation to another.  It comes with the value of both lines; on a true card they are
equal, or the first is at most the second where the card claims no more.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from grader.exercise import Draw

Order = tuple[int, ...]
InOrder = Callable[[Tensor, Tensor, Tensor], Order]


@dataclass(frozen=True)
class Deck:
    """The cards of a derivation.

    steps: by number, the line that a card begins with and the line that it leads to; false: those that do not hold;
    sides: draws the numbers, both sides of all cards; at_most: cards that claim no equality; tolerance: relative.
    """

    steps: dict[int, tuple[str, str]]
    false: Order
    sides: Callable[[Draw], tuple[Tensor, Tensor]]
    at_most: Order = ()
    tolerance: float = 1e-9

    def true(self, cards: Tensor, left: Tensor, right: Tensor) -> dict[int, tuple[str, str]]:
        """The cards whose claim the numbers bear out."""
        found = {}
        for card, a, b in zip(cards.tolist(), left.tolist(), right.tolist(), strict=True):
            scale = self.tolerance * max(abs(a), abs(b), 1.0)
            if a <= b + scale if card in self.at_most else abs(a - b) <= scale:
                found[card] = self.steps[card]
        return found

    def all(self, d: Draw) -> tuple[Tensor, Tensor, Tensor]:
        """Every card in the order of its number, with both sides."""
        return torch.arange(1, len(self.steps) + 1), *self.sides(d)

    def deal(self, d: Draw, least_false: int) -> tuple[Tensor, Tensor, Tensor]:
        """The true cards and some false ones, shuffled, with both sides of each."""
        left, right = self.sides(d)
        false = torch.tensor(self.false)[torch.randperm(len(self.false), generator=d.generator)]
        true = torch.tensor([card for card in self.steps if card not in self.false])
        dealt = torch.cat([true, false[: d.integer(least_false, len(self.false))]])
        dealt = dealt[torch.randperm(len(dealt), generator=d.generator)]
        return dealt, left[dealt - 1], right[dealt - 1]

    def as_they_lie(self, cards: Tensor, left: Tensor, right: Tensor) -> Order:
        """A mistake: the true cards, but not in order."""
        true = self.true(cards, left, right)
        return tuple(card for card in cards.tolist() if card in true)


def always(*order: int) -> InOrder:
    """A mistake: these cards, whatever the numbers are."""
    return lambda cards, left, right: order


def positions(in_order: InOrder) -> InOrder:
    """A mistake: where the cards lie, instead of their numbers."""
    return lambda cards, left, right: tuple(cards.tolist().index(c) for c in in_order(cards, left, right))
