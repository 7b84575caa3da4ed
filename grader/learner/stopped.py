"""A check that was interrupted: its words instead of the grader's own code."""

from typing import Any

from grader.learner.plainly import Plainly


class Stopped(Plainly, KeyboardInterrupt):
    """The student pressed the stop button during a check.  It stays an interrupt, so "Run All" ends here, too."""


def stopped(name: str, function: Any, line: str) -> Stopped:
    """The interrupt with its words.  line: the student's line that was at work, or nothing."""
    called = getattr(function, "__name__", "your function")
    at = f", in the line: {line}" if line else "."
    return Stopped(
        f"The check of {name} was stopped while {called} was at work{at}\n"
        "If it should have been done by then: does a loop never end? Nothing is broken: mend the function, and run its "
        "cell and the check again."
    )
