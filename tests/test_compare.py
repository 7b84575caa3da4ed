"""Comparing: only True is True, and where 0 is expected, what rounding leaves is 0."""

import math

import numpy as np
import pytest
import torch

from grader.compare import mismatch, same


@pytest.mark.parametrize("value", [True, np.bool_(True), torch.tensor(True)])
def test_true_may_come_from_python_numpy_or_torch(value):
    assert mismatch(value, True) is None
    assert same(value, True)
    found = mismatch(value, False)
    assert found is not None
    assert found.problem == "values"
    assert not same(value, False)


@pytest.mark.parametrize("value", [1, 0, 1.0, None, "True", torch.tensor([True]), torch.tensor(1)])
def test_what_is_no_truth_value_is_said_to_be_none(value):
    found = mismatch(value, True)
    assert found is not None
    assert "True or False is expected" in found.public
    assert not same(value, True)


def test_a_truth_value_is_no_number():
    found = mismatch(True, 1)
    assert found is not None
    assert found.problem == "type"
    assert not same(True, 1)


@pytest.mark.parametrize(
    ("dtype", "left", "wrong"), [(torch.float64, 1.2e-16, 1.1e-8), (torch.float32, 4.8e-7, 1.1e-6)]
)
def test_where_numbers_cancel_what_rounding_leaves_passes(dtype, left, wrong):
    zero = torch.zeros(3, dtype=dtype)
    assert mismatch(torch.full((3,), left, dtype=dtype), zero) is None
    assert same(torch.full((3,), left, dtype=dtype), zero)
    found = mismatch(torch.tensor([0.0, wrong, 0.0], dtype=dtype), zero)
    assert found is not None
    assert found.problem == "values"


def test_a_small_number_is_not_taken_for_zero():
    expected = torch.tensor([0.0, 1e-9], dtype=torch.float64)
    assert mismatch(expected * (1 + 5e-7), expected) is None
    assert mismatch(expected * (1 + 2e-6), expected) is not None
    assert mismatch(torch.zeros(2, dtype=torch.float64), expected) is not None


def test_tuples_are_the_same_part_by_part_and_lists_count_as_tuples():
    right = (torch.ones(2), 3.0)
    for value in ((torch.ones(2), 3.0), [torch.ones(2), 3.0]):
        assert mismatch(value, right) is None
        assert same(value, right)
    for value in ((torch.ones(2),), (torch.ones(2), 3.0, 0.0), (3.0, torch.ones(2)), torch.ones(2), None):
        assert mismatch(value, right) is not None
        assert not same(value, right)
    found = mismatch((torch.ones(2), 4.0), right)
    assert found is not None
    assert (found.problem, found.public) == ("values", "value 2 of 2: the value differs")


def test_another_dtype_is_wrong_only_where_it_is_asked_about():
    wide, narrow = torch.ones(2, dtype=torch.float64), torch.ones(2)
    assert mismatch(wide, narrow) is None
    for value, expected in ((wide, narrow), ((wide,), (narrow,))):
        found = mismatch(value, expected, strict_dtype=True)
        assert found is not None
        assert found.problem == "dtype"
    assert mismatch(narrow, narrow, strict_dtype=True) is None


def test_an_answer_may_miss_by_the_rounding_of_the_coarser_dtype():
    exact = torch.tensor([1.0, 3.0], dtype=torch.float64)
    near, far = exact * (1 + 1e-5), exact * (1 + 1e-3)
    for value, expected in ((near.float(), exact), (near, exact.float())):
        assert mismatch(value, expected) is None
        assert same(value, expected)
    assert mismatch(near, exact) is not None
    assert mismatch(far.float(), exact) is not None
    assert not same(far.float(), exact)


def test_infinities_and_nothing_are_compared_as_they_are():
    assert mismatch(torch.tensor([math.inf, -math.inf]), torch.tensor([math.inf, -math.inf])) is None
    assert mismatch(torch.tensor([math.inf]), torch.tensor([-math.inf])) is not None
    assert mismatch(torch.empty(0, 2), torch.empty(0, 2)) is None
