"""The wire carries plain values exactly, and nothing else in either direction."""

import math
import struct
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.wire import (
    Ref,
    WireError,
    decode,
    encode,
)
from grader.wire.plain import DTYPES, MAX_DEPTH, MAX_ELEMENTS, SIZES
from tests.wire_values import values

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


def same(a: Any, b: Any) -> bool:
    """Equal in type and value; nan is nan, and -0.0 is not 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return bool(a == b)


# ---------------------------------------------------------------- what may cross comes out the same


@given(values)
def test_plain_values_come_out_with_the_same_type_and_value(value):
    assert same(decode(encode(value)), value)


@given(st.sampled_from(DTYPES[:12]), shapes, st.data())
def test_a_tensor_comes_out_with_the_same_dtype_shape_and_bits(name, shape, data):
    size = math.prod(shape) * SIZES[name]
    raw = data.draw(st.binary(min_size=size, max_size=size))
    if name == "bool":
        raw = bytes(b & 1 for b in raw)
    dtype = getattr(torch, name)
    flat = torch.frombuffer(bytearray(raw), dtype=dtype) if raw else torch.empty(0, dtype=dtype)
    tensor = flat.reshape(shape)
    back = decode(encode(tensor))
    assert type(back) is torch.Tensor
    assert (back.dtype, back.shape) == (dtype, tensor.shape)
    assert (back.reshape(-1).view(torch.uint8).numpy().tobytes() if raw else b"") == raw


@pytest.mark.parametrize("count", [15, 16, 2**16])
def test_containers_of_every_size_of_header_come_out_whole(count):
    for value in ([0] * count + [()], dict.fromkeys(map(str, range(count)), 0) | {"last": ()}):
        assert same(decode(encode(value)), value)


@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: (v,), lambda v: {"a": v}])
def test_what_may_be_sent_at_all_may_be_read_however_deep(wrap):
    value = 0
    for _ in range(MAX_DEPTH):
        value = wrap(value)
        assert same(decode(encode(value)), value)
    with pytest.raises(WireError, match="deeper"):
        encode(wrap(value))


def test_references_count_as_deep_as_what_they_hold():
    value: Any = 0
    for _ in range(MAX_DEPTH):
        value = Ref("held", value)
        assert decode(encode(value), lambda kind, data: data) == 0
    with pytest.raises(WireError, match="deeper"):
        encode(Ref("held", value))


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 2**256 - 1, 1 - 2**256])
def test_whole_numbers_beyond_64_bits_come_out_whole(number):
    assert same(decode(encode(number)), number)


@pytest.mark.parametrize("name", [n for n in DTYPES if n != "bfloat16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_an_array_comes_out_as_an_array_of_this_machine(name, order):
    array = np.arange(6).reshape(2, 3).T.astype(np.dtype(name).newbyteorder(order))
    back = decode(encode(array))
    assert type(back) is np.ndarray
    assert back.dtype == np.dtype(name)
    assert back.shape == (3, 2)
    assert (back == array).all()


def test_views_conjugates_and_parameters_come_out_as_plain_tensors():
    z = torch.tensor([[1 + 2j, 3 - 4j]])
    negative = torch._neg_view(torch.ones(2))  # contiguous, with the sign still to be changed
    for tensor in (z.conj().T, negative, z.conj().imag, torch.ones(1).expand(3), torch.nn.Parameter(torch.ones(2))):
        back = decode(encode(tensor))
        assert type(back) is torch.Tensor
        assert torch.equal(back, tensor.detach())
        assert not back.requires_grad


@pytest.mark.parametrize("name", DTYPES[:12])
def test_a_single_element_is_sent_whatever_its_stride(name):
    column = torch.ones(1, 3).to(getattr(torch, name))[:, 1]
    assert column.stride() == (3,)
    assert torch.equal(decode(encode(column)), column)


def test_a_decoded_tensor_owns_its_memory_and_may_be_written():
    back = decode(encode([torch.zeros(2), np.zeros(2)]))
    back[0] += 1
    back[1] += 1
    assert torch.equal(back[0], torch.ones(2))
    assert (back[1] == 1).all()


def test_tuples_with_names_and_shapes_come_out_as_tuples():
    class Pair(NamedTuple):
        mean: float
        variance: float

    assert same(decode(encode(Pair(1.0, 2.0))), (1.0, 2.0))
    assert same(decode(encode(torch.ones(2, 3).shape)), (2, 3))
    assert same(decode(encode(OrderedDict(b=1, a=2))), {"b": 1, "a": 2})


def test_a_number_of_numpy_is_told_from_a_number_of_python():
    back = decode(encode(np.float64(2.5)))
    assert type(back) is np.ndarray
    assert back.shape == ()
    assert back.dtype == np.float64


# ---------------------------------------------------------------- what may not cross


class Liar(torch.Tensor):
    def __eq__(self, other):
        return True


class Text(str):
    __slots__ = ()


REFUSED = [
    torch.ones(2).as_subclass(Liar),
    torch.eye(2).to_sparse(),
    torch.empty(2, device="meta"),
    np.ma.masked_array([1.0], mask=[True]),
    np.array([object()]),
    np.array(["text"]),
    Text("x"),
    {1, 2},
    {1: 2},
    {Text("x"): 2},
    2**300,
    len,
    object(),
    range(3),
    "\ud800",
    torch.ones([1] * 17),
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda v: type(v).__name__)
def test_everything_else_is_refused_when_sent(value):
    for wrapped in (value, [value], {"a": (value,)}):
        with pytest.raises(WireError):
            encode(wrapped)


def test_what_is_too_large_is_refused_before_it_is_written_out():
    nested: Any = 0
    for _ in range(MAX_DEPTH + 1):
        nested = [nested]
    endless: list[Any] = []
    endless.append(endless)
    for value in (torch.ones(1).expand(2**40), np.broadcast_to(np.ones(1), (2**40,)), nested, endless):
        with pytest.raises(WireError):
            encode(value)
    with pytest.raises(WireError, match="elements"):
        encode([0] * (MAX_ELEMENTS + 1))
    with pytest.raises(WireError):
        encode("x" * 101, limit=100)
    with pytest.raises(WireError):
        encode([b"x" * 60, b"x" * 60], limit=100)
