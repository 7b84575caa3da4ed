"""A sandbox made ready for one lesson: stripped library, data, and nothing else of the course."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from diffkit.data import data_folder
from grader import strip
from grader.exercises import LESSONS, MODULES, withheld
from grader.sandbox import Limits, Mode, Sandbox
from grader.sandbox.stage import make_readable

INSIDE = "/course"


_stack = ExitStack()
_running: dict[tuple[str, Mode, Limits], Sandbox] = {}


class UnknownLessonError(ValueError):
    """A lesson without exercises."""


@contextmanager
def sandbox_for(lesson: str, *, mode: Mode = "bwrap", limits: Limits | None = None) -> Iterator[Sandbox]:
    """A running sandbox that has what a submission to this lesson may see."""
    if lesson not in LESSONS:
        raise UnknownLessonError(f"no exercises are known for {lesson!r}; there are: {', '.join(LESSONS)}")
    with tempfile.TemporaryDirectory(prefix="diffkit-lesson-") as folder:
        # Copies, because the sandbox runs as nobody, who may not be able to read the course's own folders.
        library, data = Path(folder, "library"), Path(folder, "data")
        strip.write(library, MODULES[lesson], withheld(lesson))
        shutil.copytree(data_folder(), data)
        make_readable(Path(folder))
        modules = ["grader", "diffkit", *(f"diffkit.{m}" for m in (*MODULES[lesson], *strip.STAND_INS))]
        with Sandbox(
            mounts={f"{INSIDE}/library": library, f"{INSIDE}/data": data},
            python_path=[f"{INSIDE}/library"],
            environment={"DIFFKIT_DATA": f"{INSIDE}/data"},
            modules=modules,
            limits=limits or Limits(),
            mode=mode,
        ) as sandbox:
            yield sandbox


def running_sandbox(lesson: str, mode: Mode, limits: Limits) -> Sandbox:
    """The sandbox of this process for a lesson; started once, because its imports take seconds."""
    key = (lesson, mode, limits)
    if key not in _running:
        atexit.unregister(_stack.close)  # once is enough
        atexit.register(_stack.close)
        _running[key] = _stack.enter_context(sandbox_for(lesson, mode=mode, limits=limits))
    return _running[key]


@contextmanager
def sandbox_to_inherit(lesson: str, mode: Mode, limits: Limits) -> Iterator[None]:
    """While open, this process has a sandbox that the processes which it forks use too, instead of one each."""
    key = (lesson, mode, limits)
    with sandbox_for(lesson, mode=mode, limits=limits) as sandbox:
        before, _running[key] = _running.get(key), sandbox
        try:
            yield
        finally:
            del _running[key]
            if before is not None:
                _running[key] = before
