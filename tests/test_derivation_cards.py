"""The cards of "put the derivation in order": numbers alone say which are true and in which order they lie."""

import itertools

import pytest
import torch

from grader.exercise import Draw
from grader.exercises.likelihood_to_elbo import cards
from grader.exercises.likelihood_to_elbo.in_order import in_order

SEEDS = range(200)


def dealt(seed):
    return cards.sides(Draw(torch.Generator().manual_seed(seed)))


def test_the_numbers_tell_true_from_false_on_every_draw():
    for seed in SEEDS:
        left, right = dealt(seed)
        true = cards.true_cards(torch.arange(1, 10), left, right)
        assert set(true) == set(cards.CARDS) - set(cards.FALSE)
        for card in cards.FALSE:
            assert abs(float(left[card - 1] - right[card - 1])) > 1e-3, f"card {card}, seed {seed}"


def test_the_bound_is_strict_so_that_the_last_card_says_something():
    for seed in SEEDS:
        left, right = dealt(seed)
        assert float(right[0] - left[0]) > 1e-4


def test_exactly_one_order_of_true_cards_leads_from_the_likelihood_to_the_bound():
    true = {k: v for k, v in cards.CARDS.items() if k not in cards.FALSE}
    good = [
        order
        for order in itertools.permutations(true)
        if true[order[0]][0] == "start"
        and true[order[-1]][1] == "bound"
        and all(true[a][1] == true[b][0] for a, b in itertools.pairwise(order))
    ]
    assert good == [in_order(torch.arange(1, 10), *dealt(0))] == [(4, 2, 6, 7, 1)]


@pytest.mark.parametrize("name", ["ratio", "q/q", "split"])
def test_every_line_but_the_last_is_minus_log_p(name):
    left, _ = dealt(3)
    minus_log_p = float(left[3])
    card = next(k for k, (begin, _) in cards.CARDS.items() if begin == name)
    assert float(left[card - 1]) == pytest.approx(minus_log_p, rel=1e-9)
