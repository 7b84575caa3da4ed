"""Every kernel of the course's JupyterLab begins with this: a word on where to go on after a restart.

Someone who comes back, or whose kernel was restarted, runs the cell in which they stopped: Python says that `check` is
not defined, and no more. Once the cell with the imports has run, the grader says such things (grader/learner/cells.py).
"""

from typing import Any


def _first_words(result: Any) -> None:
    import sys  # here, since the notebook sees every name of this file

    if isinstance(result.error_in_exec, NameError) and "grader" not in sys.modules:
        print("A kernel that has just begun knows nothing of the notebook yet: first run the cells above this one.")
        print("The menu does it at once: Run, Run All Above Selected Cell.")


if "get_ipython" in globals():  # a terminal's plain Python reads this file, too
    get_ipython().events.register("post_run_cell", _first_words)  # type: ignore[name-defined]  # noqa: F821
del Any, _first_words
