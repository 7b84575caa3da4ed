"""What both directions agree on: limits, codes, errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

MAX_DEPTH = 24
MAX_ELEMENTS = 100_000
MAX_INT_BITS = 256
MAX_AXES = 16
MAX_NUMEL = 2**40  # of a shape with its zeros taken as ones: keeps strides within 64 bits
DEFAULT_LIMIT = 64 * 2**20

TENSOR, ARRAY, BIG_INT, COMPLEX = 1, 2, 3, 4
# The place in this tuple is the code on the wire: append only.
DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64",
    "complex64", "complex128", "uint16", "uint32", "uint64",
)  # fmt: skip
CODES = {name: code for code, name in enumerate(DTYPES)}
SIZES = dict(zip(DTYPES, (1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16, 2, 4, 8), strict=True))
TORCH_DTYPES = {getattr(torch, name): name for name in DTYPES[:12]}
NUMPY_DTYPES = {np.dtype(name): name for name in DTYPES if name != "bfloat16"}


class WireError(ValueError):
    """A value that cannot cross, or bytes that are no value."""


class WireClosedError(WireError):
    """The other side is gone."""


@dataclass(frozen=True)
class Ref:
    """Something that lives on one side only, e.g. a function.  The reader says what it stands for."""

    kind: str
    data: Any
