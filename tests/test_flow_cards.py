"""The cards of lesson 09's "put the derivation in order": numbers alone tell true from false, and the order is one."""

import itertools

import torch

from grader.exercise import Draw
from grader.exercises.probability_flow import cards
from grader.exercises.probability_flow.in_order import in_order


def dealt(seed):
    return cards.sides(Draw(torch.Generator().manual_seed(seed)))


def test_the_numbers_tell_true_from_false_on_every_draw():
    for seed in range(200):
        left, right = dealt(seed)
        true = cards.true_cards(torch.arange(1, 11), left, right)
        assert set(true) == set(cards.CARDS) - set(cards.FALSE)
        for card in cards.FALSE:
            assert abs(float(left[card - 1] - right[card - 1])) > 1e-3, f"card {card}, seed {seed}"


def test_exactly_one_order_of_true_cards_leads_to_the_end():
    true = {k: v for k, v in cards.CARDS.items() if k not in cards.FALSE}
    good = [
        order
        for order in itertools.permutations(true)
        if true[order[0]][0] == "start"
        and true[order[-1]][1] == "end"
        and all(true[a][1] == true[b][0] for a, b in itertools.pairwise(order))
    ]
    assert good == [in_order(torch.arange(1, 11), *dealt(0))] == [(3, 7, 5, 9, 1)]


def test_the_first_line_is_measured_along_the_path_and_meets_minus_the_divergence():
    for seed in range(20):
        left, right = dealt(seed)
        assert abs(float(left[2] - right[0])) < 1e-9  # card 3 begins with d/dt log p, card 1 ends with -div v
