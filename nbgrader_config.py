"""nbgrader's settings for this course.  Every nbgrader command that is run in this folder reads them."""

import os
import sys
from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821  (traitlets puts it here)

ROOT = Path(__file__).resolve().parent

# nbgrader starts `alembic` by name, so the environment's programs must be found even if it was not activated.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

c.CourseDirectory.course_id = "diffkit"
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "notebooks"
c.Exchange.root = str(ROOT / ".course" / "exchange")

# What a student finds in place of a solution. NamedStub puts the function's name in.
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("{name}: your turn")'}
c.ClearSolutions.text_stub = "*Write your answer here.*"

# nbgrader's own steps in their order, with NamedStub for ClearSolutions, and Seal at the end.
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.InstantiateTests",
    "nbgrader.preprocessors.LockCells",
    "grader.build.release.NamedStub",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
    "grader.build.release.Seal",
]

# Grading: what a submission claims about its cells is dropped first; no test runs in a student's process.
# `Restore` does alone what nbgrader does in six steps: cells, their metadata and locked sources from the gradebook.
c.Autograde.sanitize_preprocessors = ["grader.plugin.Restore"]
c.Autograde.autograde_preprocessors = [
    "grader.plugin.Judge",
    "nbgrader.preprocessors.LimitOutput",
    "grader.plugin.SaveJudgedScores",
    "grader.handed_in.TrustedTime",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
    "grader.graded.Remember",
]
c.Exporter.optimistic_validation = True  # a notebook is checked when it is done, not after each step

# What a late submission costs: a lesson needs a due date (formgrader, Manage Assignments). 0 is nothing.
c.AssignLatePenalties.plugin_class = "grader.late.DailyPenalty"
c.DailyPenalty.percent_per_day = 0.0
c.DailyPenalty.grace_minutes = 0.0

# Whether timestamp.txt is believed in a submission that `grader collect` did not bring. nbgrader's exchange writes it;
# set False if students can put files into submitted/ by another way.
c.TrustedTime.trust_timestamp = True

c.ExportApp.plugin_class = "grader.exports.nbgrader_csv.QuotedCsv"

# Feedback: pages without scripts that load nothing.
c.GenerateFeedback.exporter_class = "grader.feedback.exporter.FeedbackPage"
c.GenerateFeedback.preprocessors = ["grader.feedback.marks.Marks"]

# The formgrader's page of a submission, without a network: formulas as MathML, and a template that loads no MathJax.
c.HTMLExporter.filters = {"markdown2html": "grader.feedback.prose.html"}
_TEMPLATES = str(ROOT / "course" / "share" / "jupyter")
if _TEMPLATES not in (_places := os.environ.get("JUPYTER_PATH", "").split(os.pathsep)):
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [_TEMPLATES, *_places]))
