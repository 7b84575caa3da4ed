"""When a submission was handed in, and who says so.

nbgrader reads the time from `timestamp.txt` in the submission.  `grader collect` writes that file from the platform's
own time, or not at all; a file that a student wrote is dropped there.  For submissions that came by another way the
setting `TrustedTime.trust_timestamp` decides, since nbgrader's exchange writes the file too.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool

from grader.collect.received import STAMP, received
from grader.config import load_config
from grader.plugin import Resources

PLATFORM, FILE, IGNORED, UNKNOWN = "the platform", STAMP, f"{STAMP}, not believed", "nobody"


class TrustedTime(NbGraderPreprocessor):
    """A step before late penalties: takes the time out of the gradebook again if nobody to be believed gave it."""

    trust_timestamp = Bool(
        True,
        help="Believe timestamp.txt in submissions that were not collected by `grader collect`. nbgrader's exchange "
        "writes it; a student who can put files into submitted/ could write it as well.",
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Resources) -> tuple[NotebookNode, Resources]:
        """Look at where the time comes from; the notebook stays as it is."""
        where = resources["nbgrader"]
        root = Path(CourseDirectory(config=self.config).root)
        if says(root, where["assignment"], where["student"], trust=self.trust_timestamp) == IGNORED:
            with Gradebook(where["db_url"]) as gradebook:
                gradebook.find_submission(where["assignment"], where["student"]).timestamp = None
                gradebook.db.commit()
            self.log.warning("%s: the time in %s is not believed", where["student"], STAMP)
        return nb, resources


def says(root: Path, lesson: str, student: str, *, trust: bool) -> str:
    """Who says when a submission was handed in."""
    try:
        written = (root / "submitted" / student / lesson / STAMP).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return UNKNOWN
    known = received(root, lesson, student)
    if known is not None and known.time == written:
        return PLATFORM
    return FILE if trust else IGNORED


def handed_in(root: Path, lesson: str, students: Iterable[str]) -> str:
    """A line of the report: how many times of handing in come from whom."""
    trust = TrustedTime(config=load_config(root)).trust_timestamp
    counts = Counter(says(root, lesson, s, trust=trust) for s in students)
    told = ", ".join(f"{counts[who]} from {who}" for who in (PLATFORM, FILE, IGNORED, UNKNOWN) if counts[who])
    hint = " (which a student could have written: set TrustedTime.trust_timestamp)" if counts[FILE] else ""
    return f"times of handing in: {told or 'none'}{hint}"
