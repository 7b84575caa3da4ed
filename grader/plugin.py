"""nbgrader's steps of autograding that put the judge in the place of running tests in the student's kernel.

`nbgrader_config.py` names them:
- `Restore` comes first when a submission is read: what nbgrader should know about a cell is taken from the gradebook.
- `Judge` stands where nbgrader executes the notebook.
- `SaveJudgedScores` stands where nbgrader reads scores off the outputs.
"""

import copy
import os
from pathlib import Path
from typing import Any, cast

from nbformat.notebooknode import NotebookNode
from nbgrader.api import Comment, Grade, Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import compute_checksum, determine_grade
from traitlets import Enum, Float, Int, Unicode

from grader.intake import beside, inspect
from grader.job import Job, do
from grader.judge import Cell, Record, cells_of, submission_key
from grader.key import key_of
from grader.records import Records, course_secret, fingerprint
from grader.restored import rebuilt, repairs
from grader.rows import Rows
from grader.sandbox import Limits, Mode
from grader.sandbox.limits import MIB
from grader.versions import record_key, still_holds

Resources = dict[str, Any]
JUDGED = "diffkit_judged"  # where Judge leaves the record for SaveJudgedScores
REPAIRS: dict[str, list[str]] = {}  # by student, what Restore put right in the last submission that it has seen
RECORDS: dict[str, Record] = {}  # by student, the last record that this process has entered


class Restore(NbGraderPreprocessor):
    """Rebuilds a submission: known cells get what the gradebook says, every other claim is dropped.

    A student can write anything into a notebook file.  So after this step the notebook holds sources, a few harmless
    tags, and what the gradebook says; and its Markdown holds nothing that a browser would act on.
    """

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Rebuild the notebook.  Raises RefusedError if the gate refuses the folder."""
        where, course = resources["nbgrader"], CourseDirectory(config=self.config)
        folder = Path(course.format_path(course.submitted_directory, where["student"], where["assignment"]))
        inspect(folder, folder / f"{where['notebook']}.ipynb")  # nbgrader's own commands have no gate
        key = key_of(where)
        REPAIRS.clear()
        REPAIRS[where["student"]] = said = repairs(nb.cells, key.cells)
        for line in said:
            self.log.warning("%s: %s", where["student"], line)
        cells = rebuilt(nb.cells, key.cells)
        return NotebookNode(nbformat=4, nbformat_minor=5, metadata=copy.deepcopy(key.metadata), cells=cells), resources


class Judge(NbGraderPreprocessor):
    """Runs the notebook in a sandbox and decides its grade cells outside of it."""

    sandbox_mode = Enum(
        ["bwrap", "none"],
        default_value=os.environ.get("DIFFKIT_SANDBOX", "bwrap"),
        help="'bwrap' refuses to run without bubblewrap; 'none' runs student code unprotected, for tests only.",
    ).tag(config=True)
    cell_seconds = Float(Limits.cell_seconds, help="Seconds of computing for one cell.").tag(config=True)
    call_seconds = Float(Limits.call_seconds, help="The same for one question to a function.").tag(config=True)
    patience = Float(Limits.patience, help="Times on the clock that a cell or call may take.").tag(config=True)
    submission_seconds = Float(Limits.submission_seconds, help="Time for one notebook.").tag(config=True)
    memory_mib = Int(Limits.memory_bytes // MIB, help="Memory for one process of a submission.").tag(config=True)
    processes = Int(Limits.processes, help="Processes and threads of a submission.").tag(config=True)
    root = Unicode(help="The course folder; by default the current one, where nbgrader works.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Fill in outputs and verdicts."""
        cells = cells_of(nb.cells, key_of(resources["nbgrader"]).grades)
        where = resources["nbgrader"]
        files = beside(Path(self.root or ".") / "autograded" / where["student"] / where["assignment"])
        record = self.record(self.job(cells, files, where["assignment"]))
        for index, cell in enumerate(nb.cells):
            if cell.cell_type == "code":
                cell.execution_count = None
                cell.outputs = [NotebookNode(o) for o in record.outputs.get(index, [])]
        for cell in cells:
            if cell.grade:
                nb.cells[cell.index].outputs = [_verdict_output(record, cell.grade.name)]
        for note in record.notes:
            self.log.warning("%s: %s", where["student"], note)
        RECORDS.clear()  # each holds outputs, up to 16 MiB
        resources[JUDGED] = RECORDS[where["student"]] = record
        return nb, resources

    def record(self, job: Job) -> Record:
        """The kept record of just this submission, or a new one."""
        records = Records(self._course())
        found = records.get(job.name)
        if found is None:
            found = do(job)
            records.put(job.name, found)
        return found

    def job(self, cells: list[Cell], files: dict[str, bytes], lesson: str) -> Job:
        """The judging of these cells as a piece of work."""
        content, records = fingerprint(cells, files), Records(self._course())
        name = record_key(content, lesson)
        key = submission_key(course_secret(self._course()), content)
        kept = {} if name in records else still_holds(records.of(content))
        return Job(lesson, cells, files, name, key, cast(Mode, self.sandbox_mode), self.limits(), kept)

    def _course(self) -> Path:
        return Path(self.root or ".").resolve()

    def limits(self) -> Limits:
        """The sandbox's limits as configured."""
        return Limits(
            cell_seconds=self.cell_seconds,
            call_seconds=self.call_seconds,
            patience=self.patience,
            submission_seconds=self.submission_seconds,
            memory_bytes=self.memory_mib * MIB,
            processes=self.processes,
        )


class SaveJudgedScores(SaveAutoGrades):
    """Saves the judge's scores.  A test cell without one is worth nothing: fail closed."""

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Save, then give zero to every test cell of the gradebook that was not decided.

        nbgrader asks its gradebook for each cell's grade and comment, and commits each; here all are read at once and
        saved together.
        """
        self.judged: Record = resources[JUDGED]
        where = resources["nbgrader"]
        with Gradebook(where["db_url"]) as gradebook:
            mine = gradebook.find_submission_notebook(where["notebook"], where["assignment"], where["student"])
            self.grades, self.comments = Rows(gradebook.db, Grade, mine.id), Rows(gradebook.db, Comment, mine.id)
            nb, resources = super(SaveAutoGrades, self).preprocess(nb, resources)  # each cell below
            for name in key_of(where).grades.keys() - self.judged.scores.keys():
                self.grades.set(name, auto_score=0.0, needs_manual_grade=False)
            self.grades.save()
            self.comments.save()
            gradebook.db.commit()
        return nb, resources

    def _add_score(self, cell: NotebookNode, resources: Resources) -> None:
        name = cell.metadata.nbgrader["grade_id"]
        score = self.judged.scores.get(name)
        by_hand = self.grades[name].manual_score is not None
        if score is None:  # written answers: nbgrader's own rule
            points, _ = determine_grade(cell, self.log)
            self.grades.set(name, auto_score=points, needs_manual_grade=by_hand or points is None)
        else:
            self.grades.set(name, auto_score=score.points, needs_manual_grade=bool(score.broken) or by_hand)

    def _add_comment(self, cell: NotebookNode, resources: Resources) -> None:
        unchanged = cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)
        self.comments.set(cell.metadata.nbgrader["grade_id"], auto_comment="No response." if unchanged else None)


def _verdict_output(record: Record, name: str) -> NotebookNode:
    """The verdict as the cell's only output.  Its plain text is the number of points, which nbgrader understands."""
    score = record.scores[name]
    data = {"text/markdown": score.markdown, "text/plain": f"{score.points:g}"}
    return NotebookNode(output_type="execute_result", execution_count=None, data=data, metadata={})
