"""Frames on a socket, with a deadline on every read and write."""

import select
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any

from .decode import decode
from .encode import encode
from .plain import DEFAULT_LIMIT, WireClosedError, WireError

AT_ONCE = 2**16  # bytes that are read without knowing whether they come


def send_frames(sock: socket.socket, frames: Iterable[bytes], deadline: float | None = None) -> None:
    """Send each with 4 bytes of length before it, all at one go.  `deadline` is a time of `time.monotonic`.

    Raises TimeoutError when the other side does not read in time, WireClosedError when it is gone.
    """
    data = memoryview(b"".join(part for frame in frames for part in (struct.pack(">I", len(frame)), frame)))
    try:
        while data:
            _arm(sock, deadline)
            data = data[sock.send(data) :]
    except (BrokenPipeError, ConnectionResetError) as error:
        raise WireClosedError("the other side is gone") from error


def send_frame(sock: socket.socket, data: bytes, deadline: float | None = None) -> None:
    """Send one.  Raises what `send_frames` raises."""
    send_frames(sock, [data], deadline)


def send(sock: socket.socket, value: Any, deadline: float | None = None, limit: int = DEFAULT_LIMIT) -> None:
    """Send one value.  Raises what `encode` and `send_frame` raise."""
    send_frame(sock, encode(value, limit), deadline)


class Reader:
    """Takes frame after frame off a socket.  What has come is read at one go, be it several frames."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self._data = sock, bytearray()

    def frame(self, deadline: float | None = None, limit: int = DEFAULT_LIMIT) -> bytes:
        """The bytes of the next.  TimeoutError at the deadline, half a frame come or none; WireError."""
        _fill(self.sock, self._data, 4, AT_ONCE, deadline)
        end = _end_of(self._data, limit)
        _fill(self.sock, self._data, end, AT_ONCE, deadline)
        found = bytes(memoryview(self._data)[4:end])
        del self._data[:end]
        return found

    def pending(self) -> bool:
        """Whether there is something to read already: before a question, a forgery or the end of the stream."""
        return bool(self._data) or pending(self.sock)


def recv_frame(sock: socket.socket, deadline: float | None = None, limit: int = DEFAULT_LIMIT) -> bytes:
    """The bytes of one frame and no byte more, for what comes after it may be descriptors.  Raises as `Reader` does."""
    data = bytearray()
    _fill(sock, data, 4, 0, deadline)
    _fill(sock, data, _end_of(data, limit), 0, deadline)
    return bytes(data[4:])


def recv(sock: socket.socket, deadline: float | None = None, limit: int = DEFAULT_LIMIT) -> Any:
    """The value of one frame.  Raises what `recv_frame` and `decode` raise."""
    return decode(recv_frame(sock, deadline, limit))


def pending(sock: socket.socket) -> bool:
    """Whether there is something to read already."""
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


def _end_of(data: bytearray, limit: int) -> int:
    """Where the frame that begins here ends."""
    (length,) = struct.unpack_from(">I", data)
    if length > limit:
        raise WireError(f"a frame of {length} bytes (limit {limit})")
    return int(length) + 4


def _fill(sock: socket.socket, data: bytearray, count: int, more: int, deadline: float | None) -> None:
    """Read until there are `count` bytes, and up to `more` that happen to have come."""
    while (missing := count - len(data)) > 0:  # it grows with what has come, not with what was promised
        _arm(sock, deadline)
        try:
            part = sock.recv(min(max(missing, more), 2**20))
        except ConnectionResetError as error:
            raise WireClosedError("the other side is gone") from error
        if not part:
            raise WireClosedError("the other side is gone")
        data += part


def _arm(sock: socket.socket, deadline: float | None) -> None:
    if deadline is None:
        sock.settimeout(None)
        return
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    sock.settimeout(left)
