"""The judge: where points are decided, and that it fails closed."""

import contextlib
import dataclasses
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from grader.answer import ask_here
from grader.exercises import EXERCISES
from grader.judge import Cell, GradeCell, Record, Score, _score, call_in, cells_of, grade, seed_for, submission_key
from grader.records import Records, course_secret, fingerprint, write_atomically
from grader.verdict import CheckBroken, judge

STEP = EXERCISES["forward.q_step"]


class Gone:
    """A kernel whose evaluation fails on our side."""

    def run(self, source):
        raise AssertionError("a grade cell must not be run")

    def evaluation(self, last):
        raise OSError("the pipe is gone")


class Ready(Gone):
    """A kernel that would answer, had the course asked a question that makes sense: all else is an error."""

    def evaluation(self, last):
        return contextlib.nullcontext()


def test_a_test_cell_is_recognised_and_nothing_else_is():
    assert call_in('check("forward.q_step", q_step)') == ("forward.q_step", "q_step")
    for source in (
        "",
        "1",
        "check(",
        "check()",
        'check("a", b, c)',
        'check("a", f(x))',
        'check("a", b, k=1)',
        "check(a, b)",
    ):
        with pytest.raises(CheckBroken):
            call_in(source)


@pytest.mark.parametrize(
    ("source", "points", "kernel", "says"),
    [
        ('check("forward.q_step", q_step)', STEP.points, Gone(), "OSError: the pipe is gone"),
        ('check("forward.q_step", q_step)', STEP.points + 1, Ready(), "the cell is worth 5 points, the exercise 4"),
        ('check("forward.unknown", q_step)', 4, Ready(), "there is no exercise 'forward.unknown'"),
        ("1 + 1", 4, Ready(), "not of the form check('exercise', name): '1 + 1'"),
    ],
)
def test_a_check_that_breaks_gives_no_points_and_is_kept_for_staff(source, points, kernel, says):
    cell = Cell(0, source, grade=GradeCell("forward-q_step", source, points))
    record = grade([cell], kernel, b"key")
    score = record.scores["forward-q_step"]
    assert (score.points, score.of) == (0, points)
    assert "Traceback" in score.broken
    assert says in score.broken
    assert "not your mistake" in score.markdown
    assert "Traceback" not in score.markdown
    assert record.notes


def drawn(secret, submission, exercise):
    return seed_for(submission_key(secret, submission), exercise)


def test_seeds_repeat_and_differ_by_secret_submission_and_exercise():
    base = (b"secret", "submission", "exercise")
    assert drawn(*base) == drawn(*base)
    others = [
        (b"other", "submission", "exercise"),
        (b"secret", "other", "exercise"),
        (b"secret", "submission", "x"),
    ]
    assert len({drawn(*base), *(drawn(*o) for o in others)}) == 4
    assert 0 <= drawn(*base) < 2**63


def test_cells_for_the_eye_are_not_run():
    class Recorder:
        ran: list[str] = []  # noqa: RUF012

        def run(self, source):
            self.ran.append(source)
            return type("Result", (), {"outputs": [], "status": "ok"})

    grade([Cell(0, "look", ("explore",)), Cell(1, "work")], Recorder(), b"")
    assert Recorder.ran == ["work"]


def test_a_cell_that_was_stopped_is_noted_and_no_other():
    class Kernel:
        def run(self, source):
            return type("Result", (), {"outputs": [], "status": source})

    cells = [Cell(i, status) for i, status in enumerate(("ok", "error", "stopped", "died"))]
    assert grade(cells, Kernel(), b"").notes == ["cell 3 stopped", "cell 4 died"]


def test_a_mark_that_still_holds_is_not_decided_again():
    one, two = (Cell(i, "", grade=GradeCell(name, "1 + 1", 4)) for i, name in enumerate(("one", "two")))
    kept = Score("e", 3.0, 4.0, "fine", "fine")
    record = grade([one, two], Ready(), b"key", {"two": kept, "of another lesson": kept})
    assert list(record.scores) == ["one", "two"]
    assert record.scores["two"] is kept
    assert record.scores["one"].broken


def test_what_feedback_says_of_a_mark_holds_no_number_and_no_hint():
    """The numbers are those of hidden inputs; a hint is a command of the notebook, and in a page there is none."""
    verdict = judge(STEP, STEP.cases(0), lambda case: ask_here(STEP.misconceptions[0].wrong, case))
    said = _score(verdict).markdown
    assert verdict.findings[0].public in said
    assert verdict.findings[0].detail
    assert not any(f.detail in said for f in verdict.findings if f.detail)
    assert "hint(" not in said


def test_a_grade_cell_is_what_the_gradebook_says():
    key = {"g": GradeCell("g", 'check("forward.q_step", q_step)', 4.0)}
    claimed = {
        "cell_type": "code",
        "source": "None",
        "metadata": {"nbgrader": {"grade_id": "g", "points": 99}},
    }
    [cell] = cells_of([claimed], key)
    assert cell.grade == key["g"]
    [other] = cells_of([{**claimed, "metadata": {"nbgrader": {"grade_id": "h"}}}], key)
    assert other.grade is None


def test_records_come_back_as_they_were(tmp_path):
    score = Score("e", 1.5, 4.0, "half", "**half**")
    record = Record({3: [{"output_type": "stream", "name": "stdout", "text": "ä\u2028"}]}, {"g": score}, ["note"], 1.0)
    records = Records(tmp_path)
    records.put("key", record)
    assert Records(tmp_path).get("key") == record
    assert records.folder.stat().st_mode & 0o077 == 0
    assert records.get("other") is None


def test_a_half_written_record_counts_as_none(tmp_path):
    records = Records(tmp_path)
    records.put("key", Record())
    path = records.folder / "key.json"
    whole = path.read_text()
    for broken in (
        whole[:10],
        "[]",
        "{}",
        json.dumps({"outputs": {}}),
        whole.replace('s": {', 's": {"x": []', 1),
        "\xff",
    ):
        path.write_bytes(broken.encode("latin-1"))
        assert records.get("key") is None


def test_the_secret_is_made_once_and_only_for_the_owner(tmp_path):
    first = course_secret(tmp_path)
    assert len(first) == 32
    assert course_secret(tmp_path) == first
    assert (tmp_path / ".course" / "grader").stat().st_mode & 0o077 == 0
    assert course_secret(tmp_path / "other") != first


def test_workers_that_begin_together_have_one_secret(tmp_path, monkeypatch):
    """Else what one of them judges is drawn with a key that a regrade does not find again."""
    both, drawn = threading.Barrier(2), []

    def draw(size: int) -> str:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.2)  # if two are here at a time, let both go on
        drawn.append(f"{len(drawn):0{2 * size}x}")
        return drawn[-1]

    monkeypatch.setattr("grader.records.secrets.token_hex", draw)
    with ThreadPoolExecutor(2) as pool:
        found = [job.result() for job in [pool.submit(course_secret, tmp_path) for _ in range(2)]]
    assert [secret.hex() for secret in found] == 2 * drawn


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *a: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_fingerprint_sees_every_part_of_a_submission():
    cell = Cell(0, "x", (), GradeCell("g", "s", 1.0))
    base = fingerprint([cell], {"a": b"1"})
    assert base == fingerprint([cell], {"a": b"1"})
    changes = [
        ([Cell(0, "y", (), cell.grade)], {"a": b"1"}),
        ([Cell(0, "x", ("explore",), cell.grade)], {"a": b"1"}),
        ([Cell(0, "x", (), GradeCell("g", "s", 2.0))], {"a": b"1"}),
        ([cell], {"a": b"2"}),
        ([cell], {"b": b"1"}),
    ]
    assert len({base, *(fingerprint(*c) for c in changes)}) == 6


def test_a_fingerprint_is_that_of_all_fields() -> None:
    """A record is kept under it: if it changed, every course would be judged again."""
    cells = [Cell(0, "a = 1"), Cell(2, "check()", ("explore",), GradeCell("a-step", "check()", 2.5))]
    text = json.dumps([dataclasses.asdict(c) for c in cells], sort_keys=True)
    assert json.loads(text)[1]["grade"] == {"name": "a-step", "points": 2.5, "source": "check()"}
    assert fingerprint(cells, {}) == hashlib.sha256(text.encode()).hexdigest()
