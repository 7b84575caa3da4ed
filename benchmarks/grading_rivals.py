"""Other ways to grade the same class; see grading.py."""

import ast
import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import nbformat

from grader.answer import ask_here
from grader.demo.classroom import FIRST as LESSON
from grader.executors import cells_as_judged
from grader.exercises import find
from grader.intake import submissions
from grader.judge import SKIP, Cell, call_in, seed_for
from grader.run import load_config
from grader.verdict import judge

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


def bare(folder: Path) -> None:
    """The cells and the judge's questions, in forks of this process.  Raises RuntimeError if one fails."""
    config = load_config(folder, CourseDirectory={"root": str(folder), "assignment_id": LESSON})
    prepared = [cells_as_judged(LESSON, s, config) for s in submissions(folder, LESSON)]
    _work(prepared[0])  # so that the forks find everything loaded
    for cells in prepared:
        child = os.fork()
        if child == 0:
            os._exit(0 if _work(cells) else 1)
        if os.waitpid(child, 0)[1]:
            raise RuntimeError("a right answer was not accepted: the comparison would be unfair")


def _work(cells: Sequence[Cell]) -> bool:
    names: dict[str, object] = {"__name__": "__main__"}
    passed = True
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        for cell in cells:
            if cell.grade:
                exercise_name, name = call_in(cell.grade.source)
                exercise = find(exercise_name)
                cases = exercise.cases(seed_for(b"bare", exercise_name))
                passed &= judge(exercise, cases, lambda case, name=name: ask_here(names[name], case)).passed  # type: ignore[misc]
            elif SKIP not in cell.tags:
                exec(compile(ast.parse(cell.source), "<cell>", "exec"), names)  # noqa: S102  our own right answers
    return passed


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
