"""The grader.  For notebooks: `from grader import check, hint, when_written`; for instructors: the command `grader`."""

from grader.check import check, hint
from grader.when_written import when_written

__all__ = ["check", "hint", "when_written"]
