"""Functions of ours that a student's function may call: they run here."""

from typing import Any

from grader.wire import WireError, encode

from .answer import Callback
from .limits import Limits


class TooManyCallsError(RuntimeError):
    """More calls, or more data in them, than any sensible function needs."""


class CallbackServer:
    """Serves the calls back of one question, and counts them."""

    def __init__(self, callbacks: list[Callback], limits: Limits) -> None:
        self.callbacks = callbacks
        self.calls_left, self.bytes_left = limits.callbacks, limits.reply_bytes

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
        callback.calls.append((args, kwargs))
        try:
            value = callback.function(*args, **kwargs)
        except Exception as error:  # the arguments are the student's, so this is for the student
            return encode({"error": f"{type(error).__name__}: {error}"[:1000]})
        return encode({"value": value})
