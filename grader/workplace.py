"""A sandbox made ready for one lesson: stripped library, data, and nothing else of the course."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diffkit.data import data_folder
from grader import strip
from grader.exercises import LESSONS, MODULES, withheld
from grader.sandbox import Limits, Mode, Sandbox
from grader.sandbox.stage import make_readable

INSIDE = "/course"


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
