"""Other ways to grade the same class; see grading.py."""

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat

from grader.demo.classroom import FIRST as LESSON
from grader.intake import submissions
from grader.judge import call_in

ROOT = Path(__file__).resolve().parent.parent
STOCK = """
c = get_config()
c.CourseDirectory.course_id = "diffkit"
c.CourseDirectory.source_directory, c.CourseDirectory.release_directory = "solutions", "notebooks"
"""
OTTER_TEST = """OK_FORMAT = True
test = {{"name": {name!r}, "points": {points}, "suites": [{{"type": "doctest", "scored": True, "setup": "",
    "teardown": "", "cases": [{{"code": {code!r}, "hidden": False, "locked": False}}]}}]}}
"""
OTTER_IMPORTS = """>>> from grader.answer import ask_here
>>> from grader.check import PUBLIC_SEED
>>> from grader.exercises import find
>>> from grader.verdict import judge
"""
OTTER_ASKS = """>>> judge(e, e.cases(PUBLIC_SEED), lambda case: ask_here({function}, case)).passed
True
"""


def plain_nbgrader(folder: Path) -> None:
    """nbgrader as it comes."""
    (folder / "nbgrader_config.py").write_text(STOCK)
    _command(["-m", "nbgrader", "autograde", LESSON], folder)


def otter_is_here() -> bool:
    """Whether otter-grader is installed, here or in the folder OTTER_PATH."""
    return importlib.util.find_spec("otter") is not None or "OTTER_PATH" in os.environ


def otter(folder: Path) -> None:
    """Otter, one command per submission as its documentation has it; the tests call the visible checks."""
    archive = folder / "autograder.zip"
    found = submissions(folder, LESSON)
    with zipfile.ZipFile(archive, "w") as z:
        z.writestr("otter_config.json", "{}")
        for cell in nbformat.read(folder / "solutions" / LESSON / f"{LESSON[3:]}.ipynb", as_version=4).cells:
            facts = cell.metadata.get("nbgrader", {})
            if cell.cell_type == "code" and facts.get("grade") and not facts.get("solution"):
                name = facts["grade_id"].replace("-", "_").replace(".", "_")
                exercise, function = call_in(cell.source)
                code = f"{OTTER_IMPORTS}>>> e = find({exercise!r})\n{OTTER_ASKS.format(function=function)}"
                z.writestr(f"tests/{name}.py", OTTER_TEST.format(name=name, points=facts["points"], code=code))
    path = os.environ.get("OTTER_PATH", "")  # a folder of its own, since it wants other versions of some packages
    for s in found:
        _command(["-m", "otter", "run", str(s.notebook), "-a", str(archive), "-o", str(folder)], folder, path)


def _command(words: list[str], folder: Path, path: str = "") -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), path]),
        "OMP_NUM_THREADS": "1",
        "DIFFKIT_DATA": str(ROOT / "data"),
    }
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
