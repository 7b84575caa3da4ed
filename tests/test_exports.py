"""Results reach each platform in the format that it publishes, with the points of the gradebook, and run nowhere."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from grader.cli import main
from grader.commands.export import FORMATS
from grader.exports import EACH, SHEETS
from grader.exports.results import Result, results
from grader.exports.sheet import ACTIVE, sheet
from grader.people import Person, known_people, read_roster, remember
from tests.graded_course import FIRST, FORMULA, SECOND, graded_course

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own use of its database

# https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format, with its lists of allowed values.
SEEN = {"enum": ["visible", "hidden", "after_due_date", "after_published"]}
TEXT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
GRADESCOPE = {
    "type": "object",
    "additionalProperties": False,
    "anyOf": [{"required": ["score"]}, {"required": ["tests"]}],
    "properties": {
        "score": {"type": "number", "minimum": 0},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": TEXT,
        "test_output_format": TEXT,
        "test_name_format": TEXT,
        "visibility": SEEN,
        "stdout_visibility": SEEN,
        "extra_data": {"type": "object"},
        "leaderboard": {"type": "array"},
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "score": {"type": "number"},
                    "max_score": {"type": "number"},
                    "status": {"enum": ["passed", "failed"]},
                    "name": {"type": "string"},
                    "name_format": TEXT,
                    "number": {"type": "string"},
                    "output": {"type": "string"},
                    "output_format": TEXT,
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "visibility": SEEN,
                    "extra_data": {"type": "object"},
                },
            },
        },
    },
}
# What src/main.js, src/console-results.js and src/notify-classroom.js of autograding-grading-reporter read, and what
# the graders beside it (autograding-command-grader and others) write.
GITHUB = {
    "type": "object",
    "required": ["version", "status", "max_score", "tests"],
    "properties": {
        "version": {"const": 1},
        "status": {"enum": ["pass", "fail", "error"]},
        "max_score": {"type": "number", "exclusiveMinimum": 0},
        "tests": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["name", "status", "score", "message"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "status": {"enum": ["pass", "fail", "error"]},
                    "score": {"type": "number"},
                    "message": {"type": ["string", "null"]},
                    "test_code": {"type": "string"},
                    "filename": {"type": "string"},
                    "line_no": {"type": "integer"},
                    "execution_time": {"type": "number"},
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return graded_course(tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="module")
def everything(folder) -> list[Result]:
    url = f"sqlite:///{folder}/gradebook.db"
    return results(folder, url, FIRST) + results(folder, url, SECOND)


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))


def of(everything: list[Result], student: str, lesson: str = FIRST) -> Result:
    return next(r for r in everything if (r.person.id, r.lesson) == (student, lesson))


def test_a_result_has_the_gradebooks_points_and_the_judges_reasons(everything) -> None:
    bob = of(everything, "bob")
    assert (bob.score, bob.of, bob.penalty, bob.waits) == (0.75, 6.5, 0.5, True)
    assert [(p.name, p.points, p.of) for p in bob.parts] == [("a.step", 1.25, 4.0), ("why", 0.0, 2.5)]
    assert "1.25 of 4" in bob.parts[0].text
    assert of(everything, "dot").score is None
    cyd = of(everything, "cyd", SECOND)  # entered by somebody else: no record, but points
    assert (cyd.score, [p.name for p in cyd.parts]) == (6.0, ["a-step", "why"])


@pytest.mark.parametrize("kind", [k for k in SHEETS if k != "moodle-worksheet"])
def test_no_cell_of_a_sheet_is_a_formula_and_each_line_is_whole(everything, kind: str) -> None:
    rows = table(SHEETS[kind](everything, {}))
    assert len({len(r) for r in rows}) == 1
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.lstrip(" ").startswith(ACTIVE) and cell != "-"]
    assert any(FORMULA in cell for cell in cells), "the example proves nothing"
    assert not [cell for cell in cells if "\n" in cell]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1"])
def test_a_text_that_begins_like_a_formula_stays_a_text(text: str) -> None:
    assert table(sheet([[text, -1.0]])) == [["'" + text, "-1"]]


def test_the_command_offers_every_format_and_no_other() -> None:
    """It lists them itself, since to load the exports takes seconds."""
    assert set(FORMATS) == SHEETS.keys() | EACH.keys()


def test_quotes_commas_and_lines_survive() -> None:
    row = ['a "b", c', "two\nlines", "ü", "", "semi;colon"]
    assert table(sheet([row])) == [row]


def test_the_plain_sheet_says_who_why_and_what_waits(everything) -> None:
    head, *rows = table(SHEETS["csv"](everything, {}))
    found = {(r["student"], r["lesson"]): r for r in (dict(zip(head, row, strict=True)) for row in rows)}
    bob = found["bob", FIRST]
    assert (bob["score"], bob["of"], bob["penalty"], bob["waits"], bob["a.step"]) == (
        "0.75",
        "6.5",
        "0.5",
        "yes",
        "1.25",
    )
    assert "swapped second line" in bob["diagnosis"]
    assert bob["submitted"] == "2026-03-02 12:00:00 UTC"
    assert (found["dot", FIRST]["score"], found["dot", FIRST]["waits"]) == ("", "")
    assert found["cyd", SECOND]["last_name"] == 'O"Hara; the 2nd'


def test_the_canvas_gradebook_is_what_its_importer_reads(everything) -> None:
    """`GradebookImporter` in lib/gradebook_importer.rb: head, order of the columns about a student, line of points."""
    head, points, *students = table(SHEETS["canvas"](everything, {FIRST: "Forward process (4711)"}))
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Forward process (4711)", SECOND]
    assert "Points Possible" in points[0]
    assert points[1:] == ["", "", "", "", "6.5", "6.5"]
    found = {row[0]: row[1:] for row in students}
    assert found["Lovelace, Ada"] == ["101", "S1", "ada", "Group 1, early", "6.5", "3.33"]
    assert found["dot"] == ["", "", "dot", "", "", ""]  # known by login; an empty score changes nothing
    assert all(row[1] or row[2] or row[3] for row in students), "Canvas could not tell who this is"


def test_the_moodle_gradebook_has_columns_to_know_people_by(everything) -> None:
    head, *rows = table(SHEETS["moodle"](everything, {}))
    assert head[:5] == ["First name", "Last name", "Username", "ID number", "Email address"]
    assert head[5:7] == [f"Assignment: {FIRST} (Real)", f"Assignment: {FIRST} (Feedback)"]
    ada = next(r for r in rows if r[2] == "ada")
    assert ada[3:6] == ["S1", "ada@example.org", "6.5"]
    assert ada[6] == "a.step 4/4 (right); why 2.5/2.5 (graded by hand)"


def test_the_moodle_worksheet_is_what_its_importer_reads(everything) -> None:
    """importgradeslib.php: `Identifier` is "Participant" with a number, `Grade`, `Last modified (grade)`."""
    head, *rows = table(SHEETS["moodle-worksheet"]([r for r in everything if r.lesson == FIRST], {}))
    assert {"Identifier", "Grade", "Last modified (grade)", "Feedback comments"} <= set(head)
    found = {row[0]: dict(zip(head, row, strict=True)) for row in rows}
    assert set(found) == {"Participant 9001", "Participant 9002"}
    assert found["Participant 9002"]["Grade"] == "0.75"
    assert found["Participant 9002"]["Maximum Grade"] == "6.5"
    with pytest.raises(ValueError, match="for one lesson"):
        SHEETS["moodle-worksheet"](everything, {})
    with pytest.raises(ValueError, match="grader collect"):
        SHEETS["moodle-worksheet"]([of(everything, "cyd", SECOND)], {})


def read(kind: str, result: Result) -> Any:
    return json.loads(EACH[kind](result))


@pytest.mark.parametrize(("kind", "schema"), [("gradescope", GRADESCOPE), ("github", GITHUB)])
def test_json_fits_its_published_format(everything, kind: str, schema: dict[str, Any]) -> None:
    for result in everything:
        if result.score is not None:
            jsonschema.validate(read(kind, result), schema)


def test_gradescope_gets_the_score_less_the_penalty_and_each_test(everything) -> None:
    bob = read("gradescope", of(everything, "bob"))
    assert bob["score"] == 0.75
    assert "0.5 points were taken off" in bob["output"]
    assert [(t["name"], t["score"], t["max_score"]) for t in bob["tests"]] == [("a.step", 1.25, 4), ("why", 0, 2.5)]
    assert "status" not in bob["tests"][1]  # nobody has decided
    ada = read("gradescope", of(everything, "ada"))
    assert {t["status"] for t in ada["tests"]} == {"passed"}


def test_github_adds_up_to_the_score(everything) -> None:
    for result in everything:
        if result.score is not None:
            data = read("github", result)
            assert sum(t["score"] for t in data["tests"]) == pytest.approx(result.score)
            assert (data["status"] == "pass") == (result.score == result.of)


def test_the_command_writes_files_and_says_what_waits(folder, tmp_path: Path, capsys) -> None:
    common = ["export", "--root", str(folder), "--to"]
    assert main([*common, "canvas", "-o", str(tmp_path / "c.csv"), "--title", "02=Forward (7)"]) == 0
    assert table((tmp_path / "c.csv").read_bytes())[0][5:] == ["Forward (7)", SECOND]
    assert "1 results still wait" in capsys.readouterr().out
    assert main([*common, "gradescope", "-o", str(tmp_path / "g"), "--lesson", "02"]) == 0
    assert sorted(p.relative_to(tmp_path / "g").as_posix() for p in (tmp_path / "g").rglob("*.json")) == [
        f"{FIRST}/ada.json", f"{FIRST}/bob.json",
    ]  # fmt: skip
    for wrong in (["csv", "--lesson", "99"], ["csv", "--title", "02"], ["csv", "--lesson", "03"]):
        assert main([*common, *wrong]) == 1
        assert "error:" in capsys.readouterr().err


ROSTERS = {
    "canvas": (
        "Student,ID,SIS User ID,SIS Login ID,Section,Essay (5)\n    Points Possible,,,,,10\n"
        '"Lovelace, Ada",101,S1,ada,One,\n"Student, Test",102,,,One,\n',
        Person("ada", "Ada", "Lovelace", "", "S1", "ada", "One", "101"),
    ),
    "moodle worksheet": (
        "Identifier,Full name,Email address,Status,Grade\nParticipant 77,Ada Lovelace,ada@example.org,,\n",
        Person("ada", "Ada", "Lovelace", "ada@example.org", moodle="77"),
    ),
    "moodle participants": (
        "First name;Last name;Username;ID number;Email address\nAda;Lovelace;al7;S1;ada@example.org\n",
        Person("al7", "Ada", "Lovelace", "ada@example.org", "S1", "al7"),
    ),
    "a table": ("\ufeffstudent_id,name\nada,Ada Lovelace\n,\n", Person("ada", "Ada", "Lovelace")),
}


@pytest.mark.parametrize(("text", "person"), ROSTERS.values(), ids=ROSTERS.keys())
def test_a_roster_is_read_whoever_wrote_it(tmp_path: Path, text: str, person: Person) -> None:
    (tmp_path / "r.csv").write_text(text, encoding="utf-8")
    assert read_roster(tmp_path / "r.csv")[0] == person


def test_a_roster_that_names_nobody_says_what_it_wants(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("colour,size\nred,3\n")
    with pytest.raises(ValueError, match="student_id"):
        read_roster(tmp_path / "r.csv")


def test_what_a_second_roster_does_not_say_stays_known(tmp_path: Path) -> None:
    remember(tmp_path, [Person("ada", "Ada", moodle="7"), Person("bob")])
    remember(tmp_path, [Person("ada", "Augusta", canvas="9")])
    assert known_people(tmp_path) == {"ada": Person("ada", "Augusta", canvas="9", moodle="7"), "bob": Person("bob")}
