"""CPU time and size of a feedback page: nbgrader's own pages and ours, on the same graded submissions.

Run: python benchmarks/feedback_pages.py [--students 8]
"""

import argparse
import sys
import tempfile
import time
import warnings
from pathlib import Path

from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from grader.config import load_config  # noqa: E402
from grader.converting import run  # noqa: E402
from grader.demo.classroom import FIRST as LESSON  # noqa: E402
from grader.demo.classroom import course, hand_in, students  # noqa: E402
from grader.run import grade_class, prepare  # noqa: E402
from grader.warm import warm  # noqa: E402


def main() -> None:
    """Grade a few, then write their pages twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=8)
    count = parser.parse_args().students
    warnings.simplefilter("ignore")  # of nbgrader's libraries
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        course(ROOT, root, LESSON)
        hand_in(root, LESSON, [s for s in students(root, LESSON) if s.name.startswith("wrong_")][: count + 1])
        prepare(root, LESSON)
        names = [r.student for r in grade_class(root, LESSON, workers=1, feedback=False)]
        for title, stock in (("nbgrader's pages", True), ("our pages", False)):
            seconds, size = _pages(root, names, stock)
            print(f"{title}: {seconds:.3f} s of CPU and {size / 1000:.0f} kB each, {len(names) - 1} pages")


def _pages(root: Path, names: list[str], stock: bool) -> tuple[float, float]:
    """CPU seconds and bytes of a page; the first is written before the clock starts."""
    config = load_config(root, CourseDirectory={"root": str(root), "assignment_id": LESSON})
    if stock:
        from nbconvert import HTMLExporter
        from nbgrader.preprocessors import GetGrades

        config.GenerateFeedback.update(exporter_class=HTMLExporter, preprocessors=[GetGrades])
    started = 0.0
    with warm():
        for number, name in enumerate(names):
            if number == 1:
                started = time.process_time()
            run(GenerateFeedback(coursedir=CourseDirectory(config=config), config=config, force=True), name)
    seconds = (time.process_time() - started) / (len(names) - 1)
    pages = list((root / "feedback").glob("*/*/*.html"))
    return seconds, sum(p.stat().st_size for p in pages) / len(pages)


if __name__ == "__main__":
    main()
