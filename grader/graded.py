"""Which record stands behind a student's grade: one small file for each grade that was entered into the gradebook.

Records are known by content, not by name, so that a copy is judged once.  This leads from a student to the record.
"""

import json
from pathlib import Path

from nbformat.notebooknode import NotebookNode
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor

from grader.judge import Record
from grader.plugin import JUDGED, Resources
from grader.records import course_folder, write_atomically
from grader.warm import in_transaction


class Graded:
    """The entered grades of a lesson."""

    def __init__(self, root: Path, lesson: str) -> None:
        self.folder = course_folder(root) / "graded" / lesson

    def key(self, student: str) -> str:
        """The key of the record that was entered last for a student, or "" if none was."""
        try:
            found = json.loads((self.folder / f"{student}.json").read_text(encoding="utf-8"))["key"]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return ""
        return found if isinstance(found, str) else ""

    def keys(self) -> dict[str, str]:
        """By student, the key of the record that was entered last."""
        return {p.stem: self.key(p.stem) for p in sorted(self.folder.glob("*.json"))}

    def put(self, student: str, key: str) -> None:
        """Remember what was entered."""
        if self.key(student) == key:
            return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(self.folder / f"{student}.json", json.dumps({"key": key}).encode())


class Remember(NbGraderPreprocessor):
    """The last step of autograding: remembers which record was entered.

    Within a transaction it does nothing: whoever opened that remembers it after the end, since before it a run that is
    killed has entered nothing.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Write the file; the notebook stays as it is."""
        if in_transaction():
            return nb, resources
        record: Record = resources[JUDGED]
        where = resources["nbgrader"]
        root = Path(CourseDirectory(config=self.config).root)
        Graded(root, where["assignment"]).put(where["student"], record.key)
        return nb, resources
