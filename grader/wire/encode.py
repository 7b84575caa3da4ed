"""Values to bytes."""

import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import msgpack
import numpy as np
import torch

from .plain import (
    ARRAY,
    BIG_INT,
    CODES,
    COMPLEX,
    DEFAULT_LIMIT,
    MAX_AXES,
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_INT_BITS,
    NUMPY_DTYPES,
    SIZES,
    TENSOR,
    TORCH_DTYPES,
    Ref,
    WireError,
)

AS_THEY_ARE = {type(None), bool, float}


def encode(value: Any, limit: int = DEFAULT_LIMIT) -> bytes:
    """The bytes of a value.  Raises WireError if a part of it may not cross or it is larger than `limit`."""
    try:
        data: bytes = msgpack.packb(_Lowering(limit).lower(value, 0), use_bin_type=True)
    except (UnicodeEncodeError, OverflowError) as error:
        raise WireError(f"cannot be sent: {error}") from error
    if len(data) > limit:
        raise WireError(f"{len(data)} bytes are too many to send (limit {limit})")
    return data


class _Lowering:
    """Turns a value into what msgpack knows.  Counts as it goes, so that no huge value is built first."""

    def __init__(self, limit: int) -> None:
        self.elements, self.room = MAX_ELEMENTS, limit

    def lower(self, value: Any, depth: int) -> Any:
        # Exact types: a subclass may override anything, and would lose its type on the way without a word.
        kind = type(value)
        if kind in AS_THEY_ARE:
            return value
        if kind is int:
            return self._int(value)
        if kind is str or kind is bytes:
            return self._take(value, len(value))
        if kind is complex:
            return msgpack.ExtType(COMPLEX, struct.pack("<2d", value.real, value.imag))
        if kind is torch.Tensor or kind is torch.nn.Parameter:
            return msgpack.ExtType(TENSOR, self._tensor(value))
        if kind is np.ndarray or isinstance(value, np.generic):
            return msgpack.ExtType(ARRAY, self._array(np.asarray(value)))
        return self._container(value, depth)

    def _container(self, value: Any, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            raise WireError(f"nested deeper than {MAX_DEPTH}")
        if type(value) is list:
            return ["l", *self._items(list.__iter__(value), list.__len__(value), depth)]
        if isinstance(value, tuple):  # named tuples and torch.Size lose their type, not their values
            return ["t", *self._items(tuple.__iter__(value), tuple.__len__(value), depth)]
        if type(value) is dict or type(value) is OrderedDict:
            keys = list(dict.keys(value))
            if any(type(k) is not str for k in keys):
                raise WireError("a dict with a key that is no str cannot be sent")
            lowered = self._items(iter([dict.__getitem__(value, k) for k in keys]), len(keys), depth)
            return dict(zip(keys, lowered, strict=True))
        if type(value) is Ref:
            return ["r", value.kind, self.lower(value.data, depth + 1)]
        raise WireError(f"a value of type {type(value).__name__} cannot be sent")

    def _items(self, items: Iterator[Any], count: int, depth: int) -> list[Any]:
        self.elements -= count
        if self.elements < 0:
            raise WireError(f"more than {MAX_ELEMENTS} elements")
        return [self.lower(item, depth + 1) for item in items]

    def _take(self, value: Any, size: int) -> Any:
        self.room -= size
        if self.room < 0:
            raise WireError("too large to send")
        return value

    def _int(self, value: int) -> Any:
        if -(2**63) <= value < 2**64:
            return value
        if value.bit_length() > MAX_INT_BITS:
            raise WireError(f"an int of {value.bit_length()} bits cannot be sent (limit {MAX_INT_BITS})")
        return msgpack.ExtType(BIG_INT, value.to_bytes(MAX_INT_BITS // 8 + 1, "little", signed=True))

    def _tensor(self, tensor: torch.Tensor) -> bytes:
        name = TORCH_DTYPES.get(tensor.dtype)
        if name is None or tensor.layout is not torch.strided or tensor.device.type != "cpu":
            raise WireError(f"a {tensor.layout} tensor of {tensor.dtype} on {tensor.device} cannot be sent")
        self._take(None, tensor.numel() * SIZES[name])  # before an expanded view is written out
        plain = tensor.detach()
        if plain.is_conj() or plain.is_neg():
            plain = plain.resolve_conj().resolve_neg()
        if plain.dtype is torch.bfloat16:  # which NumPy does not know
            plain = plain.view(torch.int16)
        return _header(name, tuple(tensor.shape)) + plain.numpy().tobytes()

    def _array(self, array: Any) -> bytes:
        name = NUMPY_DTYPES.get(array.dtype.newbyteorder("="))
        if name is None:
            raise WireError(f"an array of {array.dtype} cannot be sent")
        self._take(None, array.size * SIZES[name])
        little = array.astype(array.dtype.newbyteorder("<"), order="C")
        return _header(name, array.shape) + bytes(little.tobytes())


def _header(name: str, shape: tuple[int, ...]) -> bytes:
    if len(shape) > MAX_AXES:
        raise WireError(f"{len(shape)} axes are too many to send (limit {MAX_AXES})")
    return struct.pack(f"<BB{len(shape)}Q", CODES[name], len(shape), *shape)
