"""Comparing truth values: a 1 is no True, and only True is True."""

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
