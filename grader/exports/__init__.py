"""Results for other programs: spreadsheets, Canvas, Moodle, Gradescope, GitHub Classroom."""

from collections.abc import Callable, Mapping, Sequence

from grader.exports import canvas, github, gradescope, moodle, plain
from grader.exports.results import Result

Titles = Mapping[str, str]  # by lesson, what the platform calls it

# One file for all results.
SHEETS: dict[str, Callable[[Sequence[Result], Titles], bytes]] = {
    "csv": plain.grades,
    "canvas": canvas.gradebook,
    "moodle": moodle.gradebook,
    "moodle-worksheet": moodle.worksheet,
}
# One file for each submission.
EACH: dict[str, Callable[[Result], bytes]] = {"gradescope": gradescope.results_json, "github": github.results_json}
