"""Plain values for the tests of the wire."""

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from tests import properties  # noqa: F401  # no time limit

PLAIN = (type(None), bool, int, float, complex, str, bytes, list, tuple, dict, torch.Tensor, np.ndarray)

floats = st.floats(allow_nan=True, allow_infinity=True)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**256) + 1, 2**256 - 1),
    floats,
    st.complex_numbers(allow_nan=True, allow_infinity=True),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.binary(max_size=20),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4),
    ),
    max_leaves=20,
)


def is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(k) is str and is_plain(v) for k, v in value.items())
    return type(value) in PLAIN
