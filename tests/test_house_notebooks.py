"""House rules for lessons: committed notebooks are what the text says, without outputs and solutions."""

import json
from functools import cache
from pathlib import Path

from grader.build.gallery import build_gallery
from grader.build.leaks import leaks
from grader.build.lessons import Lesson, build, lessons, stale
from tests.house_files import ROOT, project_files


@cache
def every_lesson() -> tuple[Lesson, ...]:
    found = tuple(lessons(ROOT))
    assert found, "no lesson in solutions/: these tests would prove nothing"
    return found


def committed_notebooks() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".ipynb"]


def test_every_notebook_is_as_a_fresh_build_makes_it() -> None:
    old = stale(ROOT, build(ROOT, every_lesson()) | build_gallery(ROOT))
    assert not old, f"run `make notebooks`: {old}"


def test_notebooks_are_committed_without_outputs() -> None:
    assert committed_notebooks()
    for path in committed_notebooks():
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            assert not cell.get("outputs"), path
            assert cell.get("execution_count") is None, path


def test_notebooks_name_no_version_and_no_widget_state() -> None:
    for path in committed_notebooks():
        metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
        assert set(metadata) == {"diffkit", "kernelspec", "language_info"}, path
        assert metadata["language_info"] == {"name": "python"}, path


def test_no_solution_is_in_what_students_get() -> None:
    sources = {x.name: (ROOT / x.source).read_text(encoding="utf-8") for x in every_lesson()}
    files = [path for path in (ROOT / "notebooks").rglob("*") if path.is_file()]
    finds = leaks(sources, {p.relative_to(ROOT).as_posix(): p.read_bytes() for p in files})
    assert not finds, "\n".join(finds)


def test_the_instructors_notebook_does_hold_the_solutions() -> None:
    # Else the scan above would be blind, and nobody would know.
    for lesson in every_lesson():
        sources = {lesson.name: (ROOT / lesson.source).read_text(encoding="utf-8")}
        assert leaks(sources, {lesson.instructor: (ROOT / lesson.instructor).read_bytes()})
