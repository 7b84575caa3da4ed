"""What a notebook's cells did: a kind line where Python alone is terse, and a memory of definitions that failed.

IPython tells of every cell that has run.  Two things are worth a word.  A name that is not known mostly means that a
cell above was not run.  And where a cell had a SyntaxError, the function in it is still the one from before: a check
would speak about code that is no longer on the screen.
"""

import re
import sys
from typing import Any

DEFINED = re.compile(r"^(?:async\s+)?def\s+(\w+)", re.MULTILINE)

_unread: set[str] = set()  # functions whose cell, run last, Python could not read


def watch() -> None:
    """Listen to the cells of this notebook, once.  Outside of IPython it does nothing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or getattr(shell, "_diffkit_watches", False):
        return
    shell._diffkit_watches = True  # on the shell, so that a reloaded module does not listen twice
    shell.events.register("post_run_cell", after_cell)


def after_cell(result: Any) -> None:
    """Remember what the cell could not define, and say what an unknown name means.  result: IPython's own."""
    names = set(DEFINED.findall(getattr(result.info, "raw_cell", None) or ""))
    if isinstance(result.error_before_exec, SyntaxError):
        _unread.update(names)
        return
    _unread.difference_update(names)
    if isinstance(result.error_in_exec, NameError) and (name := result.error_in_exec.name):
        print(_unknown(name))


def as_before(function: Any) -> str:
    """What to say if this function is an older one than the student sees; mostly nothing."""
    name = getattr(function, "__name__", "")
    if name not in _unread:
        return ""
    return (
        f"**Mind:** Python could not read the cell of `{name}` when you ran it last (SyntaxError). So what follows is "
        "about the function as it was before.\n\n"
    )


def _unknown(name: str) -> str:
    if name in _unread:
        return f"Python could not read the cell that defines {name} (SyntaxError). Mend and run that one, then this."
    return (
        f"{name} is not known yet. Has the cell that defines it been run? Or is it a typing mistake?\n"
        "To run all cells above this one: menu Run, Run All Above Selected Cell."
    )
