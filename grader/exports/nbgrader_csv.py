"""What `nbgrader export` writes with our settings: quoted, and no cell is a formula."""

from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import ExportPlugin

from grader.exports.plain import grades
from grader.exports.results import read
from grader.records import write_atomically


class QuotedCsv(ExportPlugin):
    """nbgrader's own exporter does not quote, so that a name with a comma moves the grades of its line."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the file that `--to` names, or grades.csv."""
        root = Path(CourseDirectory(config=self.config).root)
        lessons = [a.name for a in gradebook.assignments if not self.assignment or a.name in self.assignment]
        found = [r for lesson in lessons for r in read(root, gradebook, lesson)]
        wanted = [r for r in found if not self.student or r.person.id in self.student]
        write_atomically(Path(self.to or "grades.csv"), grades(wanted, {}))
