"""The cards of the Fokker-Planck derivation: numbers alone say which are true and in which order they lie."""

import itertools

import torch

from grader.exercise import Draw
from grader.exercises.stochastic_differential_equations import cards
from grader.exercises.stochastic_differential_equations.in_order import in_order

SEEDS = range(100)


def dealt(seed):
    return cards.sides(Draw(torch.Generator().manual_seed(seed)))


def test_the_numbers_tell_true_from_false_on_every_draw():
    for seed in SEEDS:
        left, right = dealt(seed)
        true = cards.true_cards(torch.arange(1, 10), left, right)
        assert set(true) == set(cards.CARDS) - set(cards.FALSE)
        for card in cards.FALSE:
            assert abs(float(left[card - 1] - right[card - 1])) > 1e-4, f"card {card}, seed {seed}"


def test_true_cards_hold_far_within_their_tolerance():
    true = torch.tensor([card - 1 for card in cards.CARDS if card not in cards.FALSE])
    for seed in SEEDS:
        left, right = dealt(seed)
        assert float((left - right)[true].abs().max()) < 1e-11


def test_exactly_one_order_of_true_cards_leads_from_the_rate_to_the_equation():
    true = {k: v for k, v in cards.CARDS.items() if k not in cards.FALSE}
    good = [
        order
        for order in itertools.permutations(true)
        if true[order[0]][0] == "rate"
        and true[order[-1]][1] == "end"
        and all(true[a][1] == true[b][0] for a, b in itertools.pairwise(order))
    ]
    assert good == [in_order(torch.arange(1, 10), *dealt(0))] == [(6, 3, 8, 1, 5)]
