"""Frames on a socket, with a deadline on every read and write."""

import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from .decode import decode
from .encode import encode
from .plain import DEFAULT_LIMIT, WireClosedError, WireError

AT_ONCE = 2**16  # bytes that are read without knowing whether they come


def send_frame(sock: socket.socket, data: bytes, deadline: float | None = None) -> None:
    """Send 4 bytes of length, then `data`.  `deadline` is a time of `time.monotonic`.

    Raises TimeoutError when the other side does not read in time, WireClosedError when it is gone.
    """
    frame = memoryview(struct.pack(">I", len(data)) + data)
    try:
        while frame:
            _arm(sock, deadline)
            frame = frame[sock.send(frame) :]
    except (BrokenPipeError, ConnectionResetError) as error:
        raise WireClosedError("the other side is gone") from error


def send(sock: socket.socket, value: Any, deadline: float | None = None, limit: int = DEFAULT_LIMIT) -> None:
    """Send one value.  Raises what `encode` and `send_frame` raise."""
    send_frame(sock, encode(value, limit), deadline)


def recv_frame(
    sock: socket.socket, deadline: float | None = None, limit: int = DEFAULT_LIMIT, *, alone: bool = False
) -> bytes:
    """The bytes of one frame.  TimeoutError at the deadline, half a frame come or none; WireError.

    alone: the other side sends no more until it has its answer, so more than the frame is an error.  Most frames are
    then read at one go.
    """
    data = _at_least(sock, 4, AT_ONCE if alone else 4, deadline)
    (length,) = struct.unpack_from(">I", data)
    if length > limit:
        raise WireError(f"a frame of {length} bytes (limit {limit})")
    rest = length + 4 - len(data)
    if rest < 0:
        raise WireError("more than one frame")
    return bytes(data[4:] + _at_least(sock, rest, rest, deadline))


def recv(
    sock: socket.socket,
    deadline: float | None = None,
    limit: int = DEFAULT_LIMIT,
    refs: Callable[[str, Any], Any] | None = None,
    *,
    alone: bool = False,
) -> Any:
    """The value of one frame.  Raises what `recv_frame` and `decode` raise."""
    return decode(recv_frame(sock, deadline, limit, alone=alone), refs)


def pending(sock: socket.socket) -> bool:
    """Whether there is something to read already: before a question, a forgery or the end of the stream."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(0))


def send_descriptors(sock: socket.socket, value: Any, descriptors: list[int], deadline: float | None) -> None:
    """A frame, then one byte that carries open descriptors (the reader takes them with `recv_fds`)."""
    send(sock, value, deadline)
    _arm(sock, deadline)
    try:
        socket.send_fds(sock, [b"d"], descriptors)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise WireClosedError("the other side is gone") from error


def _at_least(sock: socket.socket, count: int, most: int, deadline: float | None) -> bytearray:
    data = bytearray()  # grows with what has come, not with what was promised
    while len(data) < count:
        _arm(sock, deadline)
        try:
            part = sock.recv(min(most - len(data), 2**20))
        except ConnectionResetError as error:
            raise WireClosedError("the other side is gone") from error
        if not part:
            raise WireClosedError("the other side is gone")
        data += part
    return data


def _arm(sock: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        sock.settimeout(None)
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)
