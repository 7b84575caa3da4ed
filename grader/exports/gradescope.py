"""A submission's `results.json` for Gradescope.

Format: https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
"""

import json

from grader.exports.results import Part, Result


def results_json(result: Result) -> bytes:
    """The file's content.  The score stands at the top, so a penalty counts; each graded cell is a test."""
    data = {
        "score": result.score or 0.0,
        "output": _output(result),
        "output_format": "text",
        "test_output_format": "md",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {"student": result.person.id, "lesson": result.lesson, "penalty": result.penalty},
        "tests": [_test(number, p) for number, p in enumerate(result.parts, start=1)],
    }
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False).encode()


def _output(result: Result) -> str:
    lines = [f"{result.lesson}: {result.score or 0.0:g} of {result.of:g} points"]
    if result.penalty:
        lines.append(f"{result.penalty:g} points were taken off because it was late")
    if result.waits:
        lines.append("Some answers have yet to be graded by a person.")
    return "\n".join(lines)


def _test(number: int, part: Part) -> dict[str, object]:
    test: dict[str, object] = {
        "name": part.name,
        "number": str(number),
        "score": part.points,
        "max_score": part.of,
        "output": part.text or part.said or "graded",
        "output_format": "md",
        "visibility": "visible",
    }
    return test if part.waits else test | {"status": "passed" if part.points >= part.of else "failed"}
