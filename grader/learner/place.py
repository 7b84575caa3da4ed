"""Where a student's course lies, and the file with the progress in it."""

import os
from pathlib import Path

from jupyter_core.paths import jupyter_data_dir

COURSE_MARK = "nbgrader_config.py"
VARIABLE = "DIFFKIT_PROGRESS"
INSTALLED_FROM = Path(__file__).resolve().parents[2]  # the course folder itself, where it is installed with `pip -e`


def course_folder(start: Path | None = None) -> Path | None:
    """The course around a folder (the present one), else the one that diffkit was installed from, else None."""
    here = (start or Path.cwd()).resolve()
    return next((folder for folder in (here, *here.parents, INSTALLED_FROM) if (folder / COURSE_MARK).is_file()), None)


def progress_file() -> Path:
    """In the course folder, so that a copy of the course takes it along; else with Jupyter's own data in the home.

    The second is for a notebook without a course around it, and for a course that many people share and none may
    write to.  The environment variable DIFFKIT_PROGRESS names another file.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    course = course_folder()
    if course and os.access(course, os.W_OK):
        return course / ".course" / "progress.json"
    return Path(jupyter_data_dir()) / "diffkit" / "progress.json"


def is_solution() -> bool:
    """Whether this kernel runs a notebook out of `solutions/`: its answers are not the student's."""
    return "solutions" in Path(os.environ.get("JPY_SESSION_NAME", "")).parts
