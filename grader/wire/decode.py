"""Hostile bytes to values."""

import struct
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import torch

from .plain import (
    ARRAY,
    BIG_INT,
    COMPLEX,
    DTYPES,
    MAX_AXES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_INT_BITS,
    MAX_NUMEL,
    NUMPY_DTYPES,
    SIZES,
    TENSOR,
    WireError,
)


def decode(data: bytes, refs: Callable[[str, Any], Any] | None = None) -> Any:
    """The value of hostile bytes.  `refs(kind, data)`: what a Ref stands for; without it none may come."""
    reader = _Reader(data, refs)
    try:
        value = reader.read(0)
        if reader.position() != len(data):
            raise WireError("bytes after the value")
    except WireError:
        raise
    except (ValueError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise WireError(f"malformed: {type(error).__name__}: {error}") from error
    return value


class _Reader:
    """Walks the containers itself and leaves only leaves to msgpack: a header that promises a billion
    elements then costs nothing, because no list is made before its elements have been read."""

    def __init__(self, data: bytes, refs: Callable[[str, Any], Any] | None) -> None:
        self.data, self.refs, self.elements = data, refs, MAX_ELEMENTS
        self.unpacker = msgpack.Unpacker(max_buffer_size=max(len(data), 1), ext_hook=_extension)
        self.unpacker.feed(data)

    def position(self) -> int:
        return int(self.unpacker.tell())

    def read(self, depth: int) -> Any:
        position = self.unpacker.tell()
        if position >= len(self.data):
            raise WireError("ends too early")
        if depth > MAX_DEPTH:
            raise WireError(f"nested deeper than {MAX_DEPTH}")
        first = self.data[position]
        if first & 0xF0 == 0x90 or first in (0xDC, 0xDD):
            return self._array(depth)
        if first & 0xF0 == 0x80 or first in (0xDE, 0xDF):
            return self._dict(depth)
        value = self.unpacker.unpack()
        if type(value) is msgpack.Timestamp:  # the one extension that never reaches our hook
            raise WireError("a timestamp is no value")
        return value

    def _count(self, count: int) -> int:
        self.elements -= count
        if self.elements < 0 or count > len(self.data):
            raise WireError("too many elements")
        return count

    def _array(self, depth: int) -> Any:
        count = self._count(self.unpacker.read_array_header() - 1)
        tag = self.read(MAX_DEPTH) if count >= 0 else None
        if tag == "r" and count == 2 and self.refs is not None:
            return self.refs(self._text(), self.read(depth + 1))
        if type(tag) is not str or tag not in ("l", "t"):
            raise WireError("an array without a known tag")
        items = [self.read(depth + 1) for _ in range(count)]
        return items if tag == "l" else tuple(items)

    def _dict(self, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for _ in range(self._count(self.unpacker.read_map_header())):
            key = self._text()
            if key in result:
                raise WireError("a dict with a repeated key")
            result[key] = self.read(depth + 1)
        return result

    def _text(self) -> str:
        value = self.read(MAX_DEPTH)
        if type(value) is not str:
            raise WireError("text expected")
        return value


def _extension(code: int, data: bytes) -> Any:
    if code == TENSOR:
        name, shape, raw = _split(data, DTYPES[:12])
        dtype = getattr(torch, name)
        flat = torch.frombuffer(bytearray(raw), dtype=dtype) if raw else torch.empty(0, dtype=dtype)
        return flat.reshape(shape)
    if code == ARRAY:
        name, shape, raw = _split(data, tuple(NUMPY_DTYPES.values()))
        little = np.frombuffer(raw, dtype=np.dtype(name).newbyteorder("<"))
        return little.astype(name).reshape(shape)
    if code == BIG_INT and len(data) == MAX_INT_BITS // 8 + 1:
        return int.from_bytes(data, "little", signed=True)
    if code == COMPLEX and len(data) == 16:
        return complex(*struct.unpack("<2d", data))
    raise WireError("unknown extension")


def _split(data: bytes, allowed: tuple[str, ...]) -> tuple[str, tuple[int, ...], bytes]:
    if len(data) < 2 or data[0] >= len(DTYPES) or DTYPES[data[0]] not in allowed or data[1] > MAX_AXES:
        raise WireError("tensor of an unknown type")
    name, axes = DTYPES[data[0]], data[1]
    if len(data) < 2 + 8 * axes:
        raise WireError("tensor without its shape")
    shape = struct.unpack_from(f"<{axes}Q", data, 2)
    raw = data[2 + 8 * axes :]
    numel, extent = 1, 1
    for size in shape:
        numel, extent = numel * size, extent * max(size, 1)
    if extent > MAX_NUMEL or numel * SIZES[name] != len(raw):
        raise WireError("tensor whose shape does not fit its data")
    if name == "bool" and raw.translate(None, b"\0\1"):
        raise WireError("bool tensor with other bytes than 0 and 1")  # undefined behaviour in torch
    return name, shape, raw
