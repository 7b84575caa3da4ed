"""Plain values across the border between the grader and a student's process.  Never pickle.

What may cross: None, bool, int (256 bits), float, complex, str, bytes, list, tuple, dict with str keys,
`torch.Tensor` and `numpy.ndarray`.  The bytes are msgpack (https://msgpack.org) with these additions:

    list, tuple, Ref   an array that begins with its tag "l", "t" or "r"
    tensor, array      extension 1 or 2: dtype code, number of axes, shape (uint64 each), little-endian data
    large int          extension 3: signed little-endian
    complex            extension 4: two float64

Whoever reads treats every byte as hostile: `decode` raises `WireError` for anything malformed, before it
takes memory for it.  The package serves both sides, so it imports nothing of the project.
"""

from .decode import decode
from .encode import encode
from .plain import Ref, WireClosedError, WireError
from .stream import Reader, pending, recv, recv_frame, send, send_descriptors, send_frame, send_frames

__all__ = [
    "Reader",
    "Ref",
    "WireClosedError",
    "WireError",
    "decode",
    "encode",
    "pending",
    "recv",
    "recv_frame",
    "send",
    "send_descriptors",
    "send_frame",
    "send_frames",
]
