"""Whatever bytes come, reading them gives a plain value or WireError, and takes no memory first."""

import struct
import tracemalloc

import msgpack
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.wire import Ref, WireError, decode, encode
from grader.wire.plain import DTYPES, MAX_ELEMENTS
from tests.wire_values import is_plain, values


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
    "reference with more than it holds": b"\x93\xa1l\x94\xa1r\xa1k\x01\x02",
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
    if name != "reference":
        with pytest.raises(WireError):
            decode(MALFORMED[name], lambda kind, data: data)


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
