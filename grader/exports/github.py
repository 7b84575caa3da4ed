"""A submission's result for GitHub Classroom.

Format: what classroom-resources/autograding-grading-reporter reads: JSON with version, status, max_score and tests,
each with name, status, score and message; in a workflow it goes base64-encoded into an output named `result`
(https://github.com/classroom-resources/autograding-grading-reporter, src/main.js and src/notify-classroom.js).
"""

import json

from grader.exports.results import Part, Result
from grader.text import printable


def results_json(result: Result) -> bytes:
    """The file's content.  The reporter adds up the tests' scores, so a penalty is a test with a negative one."""
    tests = [_test(p) for p in result.parts]
    if result.penalty:
        tests.append(_entry("late penalty", "fail", -result.penalty, "it was handed in late"))
    right = all(t["status"] == "pass" for t in tests)
    data = {"version": 1, "status": "pass" if tests and right else "fail", "max_score": result.of, "tests": tests}
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False).encode()


def _test(part: Part) -> dict[str, object]:
    right = part.points >= part.of and not part.waits
    return _entry(part.name, "pass" if right else "fail", part.points, "" if right else printable(part.said))


def _entry(name: str, status: str, score: float, message: str) -> dict[str, object]:
    empty = {"test_code": "", "filename": "", "line_no": 0, "execution_time": 0}
    return {"name": name, "status": status, "score": score, "message": message or None} | empty
