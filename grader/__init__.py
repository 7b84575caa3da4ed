"""The grader.  For notebooks: `from grader import check, hint, progress, solution, when_written`; for instructors: the
command `grader`."""

from grader.check import check, hint
from grader.learner.cells import watch
from grader.learner.progress import progress
from grader.learner.solution import solution
from grader.when_written import when_written

__all__ = ["check", "hint", "progress", "solution", "when_written"]

watch()  # in a notebook: a kind line for a name that is not known
