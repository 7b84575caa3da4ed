"""The wire carries plain values exactly, and nothing else in either direction."""

import math
import socket
import struct
import time
import tracemalloc
from collections import OrderedDict
from typing import Any, NamedTuple

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.wire import (
    Ref,
    WireClosedError,
    WireError,
    decode,
    encode,
    recv,
    recv_frame,
    send,
    send_descriptors,
    send_frame,
)
from grader.wire.plain import DTYPES, MAX_DEPTH, MAX_ELEMENTS, SIZES
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


def is_plain(value: Any) -> bool:
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    if type(value) is dict:
        return all(type(k) is str and is_plain(v) for k, v in value.items())
    return type(value) in PLAIN


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


# ---------------------------------------------------------------- hostile bytes


@given(st.binary(max_size=300))
def test_random_bytes_raise_wire_error_or_are_a_plain_value(data):
    try:
        value = decode(data)
    except WireError:
        return
    assert is_plain(value)


@given(values, st.data())
def test_a_damaged_value_raises_wire_error_or_is_a_plain_value(value, data):
    raw = bytearray(encode([value, torch.ones(2, 2), np.ones(3)]))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        back = decode(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    except WireError:
        return
    assert is_plain(back)


def tensor_bytes(code: int, shape: tuple[int, ...], raw: bytes, axes: int | None = None) -> bytes:
    head = struct.pack(f"<BB{len(shape)}Q", code, len(shape) if axes is None else axes, *shape)
    return bytes(msgpack.packb(msgpack.ExtType(1, head + raw)))


FLOAT32 = DTYPES.index("float32")
MALFORMED = {
    "nothing": b"",
    "array without end": b"\xdd\xff\xff\xff\xff",
    "array without tag": msgpack.packb([1, 2]),
    "array with an unknown tag": msgpack.packb(["x", 2]),
    "array that is only a tag of tags": msgpack.packb([["l"], 2]),
    "empty array": msgpack.packb([]),
    "dict without end": b"\xdf\xff\xff\xff\xff",
    "dict with a number as key": msgpack.packb({1: 2}),
    "dict with a list as key": b"\x81\x91\xa1l\x01",
    "dict with a repeated key": b"\x82\xa1a\x01\xa1a\x02",
    "text without end": b"\xdb\xff\xff\xff\xff",
    "text that is no UTF-8": b"\xa2\xff\xff",
    "timestamp": msgpack.packb(msgpack.Timestamp(1, 1)),
    "unknown extension": msgpack.packb(msgpack.ExtType(99, b"x")),
    "short int": msgpack.packb(msgpack.ExtType(3, b"x")),
    "short complex": msgpack.packb(msgpack.ExtType(4, b"x")),
    "two values": encode(1) + encode(2),
    "reference": encode(Ref("make", {})),
    "nested 1000 deep": b"\x92\xa1l" * 1000 + b"\x01",
    "tensor without header": msgpack.packb(msgpack.ExtType(1, b"\x01")),
    "tensor of unknown dtype": tensor_bytes(200, (1,), b"abcd"),
    "tensor of a dtype that torch lacks": tensor_bytes(DTYPES.index("uint64"), (1,), b"12345678"),
    "tensor without shape": tensor_bytes(FLOAT32, (), b"", axes=3),
    "tensor with 200 axes": tensor_bytes(FLOAT32, (1,) * 200, b"abcd"),
    "tensor with too much data": tensor_bytes(FLOAT32, (1,), b"abcdefgh"),
    "tensor with too little data": tensor_bytes(FLOAT32, (2**20, 2**20), b"abcd"),
    "tensor whose size overflows": tensor_bytes(FLOAT32, (2**63, 2**63, 2**2), b""),
    "tensor with no elements and huge axes": tensor_bytes(FLOAT32, (0, 2**62), b""),
    "bool tensor of other bytes": tensor_bytes(DTYPES.index("bool"), (2,), b"\x01\x02"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_bytes_raise_wire_error(name):
    with pytest.raises(WireError):
        decode(MALFORMED[name])


def test_headers_that_promise_much_take_no_memory():
    bombs = [
        b"\xdd\x00\x01\x00\x00" * 2000 + b"\x00" * 70_000,  # lists of 65536 in lists of 65536
        b"\x92\xa1l" * 20_000,
        b"\xdf\x00\x01\x00\x00" * 2000 + b"\x00" * 70_000,
        tensor_bytes(FLOAT32, (2**20, 2**19), b"abcd"),
        b"\xc6\xff\xff\xff\x00",
    ]
    for bomb in bombs:
        tracemalloc.start()
        with pytest.raises(WireError):
            decode(bomb)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20 * len(bomb) + 100_000  # the bytes themselves, a few times


def test_more_elements_than_allowed_are_refused():
    with pytest.raises(WireError, match="elements"):
        decode(b"\xdd" + struct.pack(">I", MAX_ELEMENTS + 2) + b"\xa1l" + b"\x00" * (MAX_ELEMENTS + 1))


def test_a_reference_means_what_the_reader_says():
    refs = {"held": lambda data: ("object", data)}
    data = encode(["x", Ref("held", 3)])
    assert decode(data, lambda kind, number: refs[kind](number)) == ["x", ("object", 3)]


# ---------------------------------------------------------------- streams


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def soon() -> float:
    return time.monotonic() + 0.05


def test_a_value_goes_through_a_socket(pair):
    send(pair[0], {"x": torch.ones(3)})
    assert torch.equal(recv(pair[1])["x"], torch.ones(3))


@pytest.mark.parametrize("part", [b"", b"\x00\x00", b"\x00\x00\x00\x05ab"])
def test_half_a_frame_ends_at_the_deadline(pair, part):
    pair[0].sendall(part)
    with pytest.raises(TimeoutError):
        recv(pair[1], soon())


@pytest.mark.parametrize("part", [b"", b"\x00\x00", b"\x00\x00\x00\x05ab"])
def test_the_end_of_the_stream_is_told_from_a_late_one(pair, part):
    pair[0].sendall(part)
    pair[0].close()
    with pytest.raises(WireClosedError):
        recv(pair[1], soon())


def test_a_frame_over_the_limit_is_refused_by_its_length_alone(pair):
    pair[0].sendall(struct.pack(">I", 1001))
    with pytest.raises(WireError, match="1001"):
        recv_frame(pair[1], soon(), limit=1000)


def test_a_reader_who_does_not_read_cannot_hold_the_writer_up(pair):
    with pytest.raises(TimeoutError):
        send_frame(pair[0], b"x" * 2**22, soon())


def test_sending_to_a_closed_socket_is_told(pair):
    pair[1].close()
    with pytest.raises(WireClosedError):
        send(pair[0], 1)
    with pytest.raises(WireClosedError):
        send_descriptors(pair[0], 1, [0], None)


def test_a_descriptor_follows_its_frame(pair):
    send_descriptors(pair[0], "order", [pair[0].fileno()], None)
    assert recv(pair[1]) == "order"
    data, descriptors, _, _ = socket.recv_fds(pair[1], 1, 1)
    assert len(data) == len(descriptors) == 1
    with socket.socket(fileno=descriptors[0]) as again:
        again.sendall(b"x")
    assert pair[1].recv(1) == b"x"
