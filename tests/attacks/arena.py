"""Grades the attacks in two batches with small limits, and the controls in a third with the usual ones."""

import copy
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.cheats import keep_two
from grader.demo.classroom import course, notebook
from grader.demo.student import Student, first, handed_in
from grader.entry import Row
from grader.run import grade_class, prepare
from tests.attacks import secrets
from tests.attacks.attack import LESSON, Attack
from tests.attacks.families import ATTACKS, CONTROLS

ROOT = Path(__file__).resolve().parent.parent.parent
NEIGHBOURS = ("bystander", "neighbour")  # honest, graded in every batch
SHOWN = {"the browser", "notebook JSON", "files beside it", "forged messages"}
SMALL: dict[str, object] = {
    "cell_seconds": 3.0,
    "call_seconds": 1.0,
    "patience": 1.5,
    "submission_seconds": 30.0,
    "memory_mib": 1024,
    "processes": 16,
}


@dataclass
class Batch:
    """A graded class.  called: who called the machine's sockets; before, after: what must not change."""

    folder: Path
    rows: dict[str, Row]
    called: list[str]
    before: dict[str, str]
    after: dict[str, str]


@dataclass
class Arena:
    """The batches.  pages: attacks whose feedback page is looked at; quiet: the others, without feedback."""

    pages: Batch
    quiet: Batch
    controls: Batch

    def of(self, family: str) -> Batch:
        """The batch in which a family was graded."""
        return self.pages if family in SHOWN else self.quiet

    @property
    def batches(self) -> tuple[Batch, ...]:
        """All of them."""
        return self.pages, self.quiet, self.controls


@contextmanager
def arena(only: str = "", workers: int = 1) -> Iterator[Arena]:
    """Grade everything; only: attacks with this in their name, without controls."""
    pages = [a for name in ATTACKS for a in ATTACKS[name] if only in a.name and name in SHOWN]
    quiet = [a for name in ATTACKS for a in ATTACKS[name] if only in a.name and name not in SHOWN]
    place = Path(tempfile.mkdtemp(prefix="arena-"))
    place.chmod(0o755)
    try:
        yield Arena(
            _graded(place / "pages", pages, SMALL, workers, feedback=True),
            _graded(place / "quiet", quiet, SMALL, workers),
            _graded(place / "controls", [] if only else list(CONTROLS), {}, workers),
        )
    finally:
        subprocess.run(["rm", "-rf", str(place)], check=True)  # Python's own way gives up at deep nests of folders


def _graded(
    folder: Path, entries: list[Attack], settings: dict[str, object], workers: int, feedback: bool = False
) -> Batch:
    course(ROOT, folder, LESSON)
    prepare(folder, LESSON)
    paths = secrets.plant(folder)
    with secrets.watched() as called:
        _hand_in(folder, entries, paths, called[0])
        before = secrets.fingerprint(folder)
        rows = grade_class(folder, LESSON, workers=workers, settings=settings, feedback=feedback)
    return Batch(folder, {r.student: r for r in rows}, called[1:], before, secrets.fingerprint(folder))


def _hand_in(folder: Path, entries: list[Attack], paths: list[Path], port: str) -> None:
    solved = compact(notebook(folder, "solutions", LESSON))
    attacker = copy.deepcopy(solved)
    keep_two(LESSON, notebook(folder, "notebooks", LESSON))(attacker)
    neighbours = [
        Attack(name, "", first(f"# {secrets.CANARIES['another submission']}"), control=True) for name in NEIGHBOURS
    ]
    for entry in [*entries, *neighbours]:
        place = folder / "submitted" / entry.name / LESSON
        place.mkdir(parents=True)
        student = Student(entry.name, entry.edit, 0.0)
        base = solved if entry.control else attacker
        (place / f"{LESSON[3:]}.ipynb").write_bytes(handed_in(student, base))
        for name, data in entry.files.items():
            told = {b"@paths": "\n".join(map(str, paths)).encode(), b"@port": port.encode()}
            (place / name).write_bytes(told.get(data, data))
        if entry.lay:
            entry.lay(place)


def compact(full: NotebookNode) -> NotebookNode:
    """The notebook without the cells that are neither graded nor needed: a batch is then half as long."""
    small = copy.deepcopy(full)
    setup = nbformat.v4.new_code_cell("import torch\nfrom grader import check")
    small.cells = [setup, *(c for c in full.cells if "nbgrader" in c.metadata)]
    return nbformat.reads(nbformat.writes(small), as_version=4)
