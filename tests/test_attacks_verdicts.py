"""The suite would notice: what it calls gained, leaked, active, unclear or changed is seen when it is there."""

from pathlib import Path

import pytest

from grader.entry import Row
from grader.judge import Record, Score
from tests.attacks import secrets, verdicts
from tests.attacks.arena import Arena, Batch
from tests.attacks.attack import LESSON, MARK, Attack
from tests.attacks.page import active
from tests.attacks.secrets import CANARIES
from tests.attacks.verdicts import FULL, OWN, disappointed, disturbed, gained, harmed, leaked, unclear

ME = Attack("me", "")


def batch(tmp_path: Path, points: float | None = OWN, *, outputs: str = "", said: str = "right") -> Batch:
    score = Score("e", points or 0.0, FULL, said, "")
    record = Record({0: [{"output_type": "stream", "name": "stdout", "text": outputs}]}, {"g": score})
    rows = {name: Row(name, points, FULL, record) for name in ("me", "bystander", "neighbour")}
    return Batch(tmp_path, rows, [], {"a": "1"}, {"a": "1"})


def pages(tmp_path: Path, mine: str) -> Batch:
    for name, text in (("me", mine), ("bystander", "<script>usual</script>")):
        folder = tmp_path / "feedback" / name / LESSON
        folder.mkdir(parents=True)
        (folder / "forward_process.html").write_text(text)
    return batch(tmp_path)


def test_points_above_honest_work_are_seen(tmp_path: Path) -> None:
    assert "points instead of" in gained(batch(tmp_path, OWN + 1), ME)[0]


@pytest.mark.parametrize("canary", CANARIES.values())
def test_a_secret_in_an_output_is_seen(tmp_path: Path, canary: str) -> None:
    assert leaked(batch(tmp_path, outputs=f"x{canary}x"), ME)
    assert leaked(batch(tmp_path, said=canary), ME)
    assert leaked(batch(tmp_path, outputs="FOUND"), ME)
    assert leaked(batch(tmp_path), ME) == []


def test_a_secret_on_the_feedback_page_is_seen(tmp_path: Path) -> None:
    assert leaked(pages(tmp_path, CANARIES["the solution"]), ME)


@pytest.mark.parametrize(
    "page",
    [
        "<script>usual</script><script>mine</script>",
        "<img src=x onerror=alert(1)>",
        "<a href='java\nscript:alert(1)'>x</a>",
        "<a href=' JavaScript:alert(1)'>x</a>",
        "<img src='//evil.example/x.png'>",
        "<iframe src=x>",
        "<svg onload=x>",
        "<p>$\\href{javascript:alert(1)}{x}$</p>",
        "<pre class='mermaid'>graph</pre>",
    ],
)
def test_active_content_is_seen(tmp_path: Path, page: str) -> None:
    assert harmed(pages(tmp_path, page), ME)


def test_harmless_content_is_not_called_active() -> None:
    page = "<p>a &lt;script&gt; <a href='https://x.example'>x</a><img src='data:image/png;base64,AAAA'></p>"
    assert not active(page + "<pre>$\\href{a}{b}$</pre>")


@pytest.mark.parametrize(
    "said", ["two\nlines", "\x1b[2J", "\u202egnihton", "not graded: KeyError: 'x'", "", "Traceback"]
)
def test_an_unclear_line_is_seen(tmp_path: Path, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "diagnosis", lambda row: said)  # the report's own is clean by now
    monkeypatch.setattr(verdicts, "table", lambda rows: f"head\n{said}")
    row = Row("me", None, 0.0, None, said)
    assert unclear(Batch(tmp_path, {"me": row}, [], {}, {}), Attack("me", "", refused=True))


def test_a_refusal_that_was_not_expected_is_seen_and_the_other_way_round(tmp_path: Path) -> None:
    refused = Batch(tmp_path, {"me": Row("me", None, 0.0, None, "it is a link")}, [], {}, {})
    assert unclear(refused, ME)
    assert unclear(refused, Attack("me", "", refused=True)) == []
    assert unclear(batch(tmp_path), Attack("me", "", refused=True))


def test_honest_work_below_full_marks_is_seen(tmp_path: Path) -> None:
    assert disappointed(batch(tmp_path, FULL - 1), ME)
    assert disappointed(batch(tmp_path, FULL), ME) == []


def test_what_happens_to_others_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "submitted").mkdir()
    good = batch(tmp_path)
    assert disturbed(Arena(good, good, good)) == []
    changed = Batch(tmp_path, good.rows, [], {"a": "1"}, {"a": "2"})
    assert disturbed(Arena(good, changed, good))
    assert disturbed(Arena(good, Batch(tmp_path, good.rows, ["somebody called"], {}, {}), good))
    assert disturbed(Arena(good, good, batch(tmp_path, outputs="other")))
    (tmp_path / "submitted" / "lost").mkdir()
    assert disturbed(Arena(good, good, good))


def test_what_is_left_behind_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "PLACES", (str(tmp_path),))
    (tmp_path / MARK).touch()
    assert f"{tmp_path}/{MARK}" in secrets.left_behind()
