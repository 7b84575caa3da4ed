"""Functions of ours that a student's function may call: they run here."""

import contextlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grader.wire import WireError, encode

from .answer import Callback
from .limits import MIB, Limits


class TooManyCallsError(RuntimeError):
    """More calls, or more data in them, than any sensible function needs."""


MOST_MEMORY = 1024 * MIB


def mapped_and(more: int) -> int:
    """Bytes that this process has mapped, and so many more.  No limit where that cannot be known: not Linux, so no
    sandbox either.
    """
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return resource.RLIM_INFINITY
    return int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") + more


@contextlib.contextmanager
def memory_at_most(limit: int) -> Iterator[None]:
    """Let this process map only so many bytes.  The arguments of a call back are the student's: a number of steps
    may be a trillion, and two tensors may broadcast to a terabyte.  Then torch and Python raise an exception.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bounds = [bound for bound in (limit, soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds, default=resource.RLIM_INFINITY), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


class CallbackServer:
    """Serves the calls back of one question, and counts them."""

    def __init__(self, callbacks: list[Callback], limits: Limits) -> None:
        self.callbacks = callbacks
        self.calls_left, self.bytes_left = limits.callbacks, limits.reply_bytes
        self.memory = 0  # that this process may map during a call, set at the first one

    def serve(self, request: dict[str, Any], size: int) -> bytes:
        """The encoded reply to a decoded request of `size` bytes.  WireError if it is no proper request."""
        number, args, kwargs = request.get("number"), request.get("args"), request.get("kwargs")
        if type(number) is not int or not 0 <= number < len(self.callbacks):
            raise WireError("a call of a function that was not given")
        if type(args) is not tuple or type(kwargs) is not dict:
            raise WireError("a call without arguments")
        self.calls_left, self.bytes_left = self.calls_left - 1, self.bytes_left - size
        if self.calls_left < 0 or self.bytes_left < 0:
            raise TooManyCallsError("the functions that were passed in were called too often")
        callback = self.callbacks[number]
        callback.calls += 1
        self.memory = self.memory or mapped_and(MOST_MEMORY)
        try:
            with memory_at_most(self.memory):
                value = callback.function(*args, **kwargs)
        except Exception as error:  # the arguments are the student's, so this is for the student
            return encode({"error": f"{type(error).__name__}: {error}"[:1000]})
        return encode({"value": value})
