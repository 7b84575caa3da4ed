"""A platform's download becomes submissions: nobody's work is lost, mixed up, or able to leave its folder."""

import json
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from grader.cli import main
from grader.collect.names import label, titles
from grader.collect.received import received
from grader.exercises import LESSONS
from grader.intake import submissions
from grader.people import Person, known_people, remember
from tests.house_files import ROOT

LESSON = "02_forward_process"
NOTEBOOK = (ROOT / "notebooks" / LESSON / "forward_process.ipynb").read_bytes()
OTHER = (ROOT / "notebooks" / "05_ddpm" / "ddpm.ipynb").read_bytes()
NAMED = {
    "lovelaceada_101_4711_forward_process.ipynb": ("Canvas", "101", "lovelaceada", ("forward_process.ipynb",)),
    "lovelaceada_LATE_101_4711_02_forward_process-1.ipynb": (
        "Canvas", "101", "lovelaceada", ("02_forward_process-1.ipynb",),
    ),
    "çelikzoë_7_8_a_1_2_b.ipynb": ("Canvas", "7", "çelikzoë", ("a_1_2_b.ipynb",)),
    "anon_Xy7Qz_55_x.ipynb": ("Canvas", "anon-Xy7Qz", "", ("x.ipynb",)),
    "submissions/lovelaceada_101_4711_x.ipynb": ("Canvas", "101", "lovelaceada", ("x.ipynb",)),
    "Ada Lovelace_9001_assignsubmission_file_/x.ipynb": ("Moodle", "9001", "Ada Lovelace", ("x.ipynb",)),
    "Ada Lovelace_9001_assignsubmission_file/sub/x.py": ("Moodle", "9001", "Ada Lovelace", ("sub", "x.py")),
    "Ada Lovelace_9001_assignsubmission_file_x_1.ipynb": ("Moodle", "9001", "Ada Lovelace", ("x_1.ipynb",)),
    "A_1_assignsubmission_file_/B_2_assignsubmission_file_/x": (
        "Moodle", "1", "A", ("B_2_assignsubmission_file_", "x"),
    ),
    "A_1_assignsubmission_file_/02_forward_process/x": ("Moodle", "1", "A", ("02_forward_process", "x")),
    "ps1_bitdiddle_attempt_2016-01-30-15-00-00_problem1.ipynb": ("Blackboard", "bitdiddle", "", ("problem1.ipynb",)),
    "submitted/ada/02_forward_process/data/a.csv": ("nbgrader", "ada", "", ("data", "a.csv")),
    "bob_5_6_x.ipynb/02_forward_process/y": ("nbgrader", "bob_5_6_x.ipynb", "", ("y",)),
    "readme.txt": None,
    "notes/readme.txt": None,
    "Ada Lovelace_9001_assignsubmission_file_": None,
}  # fmt: skip


@pytest.mark.parametrize(("path", "says"), NAMED.items(), ids=NAMED.keys())
def test_a_name_says_who_handed_in(path: str, says: tuple[object, ...] | None) -> None:
    found = label(tuple(path.split("/")), LESSONS)
    assert (found and (found.platform, found.user, found.name, found.path)) == says


def download(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2026, 3, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


@pytest.fixture
def course(tmp_path):
    """A course folder with two released lessons."""
    for lesson, data in ((LESSON, NOTEBOOK), ("05_ddpm", OTHER)):
        place = tmp_path / "course" / "notebooks" / lesson
        place.mkdir(parents=True)
        (place / f"{lesson[3:]}.ipynb").write_bytes(data)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path / "course")
    return tmp_path / "course"


def collect(course: Path, *arguments: object) -> int:
    return main(["collect", "--root", str(course), *map(str, arguments)])


def there(course: Path) -> dict[str, bytes]:
    folder = course / "submitted"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_canvas_download_is_collected_without_a_pattern(course, tmp_path, capsys) -> None:
    remember(course, [Person("ada", "Ada", "Lovelace", canvas="101"), Person("zoe", "Zoë", "Çelik")])
    archive = download(
        tmp_path / "submissions.zip",
        {
            "lovelaceada_LATE_101_4711_forward_process-1.ipynb": NOTEBOOK,
            "lovelaceada_LATE_101_4712_helper.py": b"x = 1",
            "çelikzoë_102_4713_my work.ipynb": NOTEBOOK,  # known by its cells
            "nobodyknown_103_4714_02_forward_process.ipynb": NOTEBOOK,
            "readme.txt": b"hello",
        },
    )
    assert collect(course, archive) == 1
    said = capsys.readouterr().out
    assert there(course) == {
        f"ada/{LESSON}/forward_process.ipynb": NOTEBOOK,
        f"ada/{LESSON}/helper.py": b"x = 1",
        f"nobodyknown-103/{LESSON}/forward_process.ipynb": NOTEBOOK,
        f"zoe/{LESSON}/forward_process.ipynb": NOTEBOOK,
    }
    assert "ada  (Canvas) new; late, says the platform" in said
    assert "nobodyknown-103  (Canvas) new; not in the roster" in said
    assert "left in the archive: readme.txt: no platform" in said
    assert known_people(course)["zoe"].canvas == "102"
    assert not [s for s in submissions(course, LESSON) if s.refused]


def test_a_moodle_download_keeps_folders_and_moodles_numbers(course, tmp_path) -> None:
    archive = download(
        tmp_path / "d.zip",
        {
            "Ada Lovelace_9001_assignsubmission_file_/02_forward_process/forward_process.ipynb": NOTEBOOK,
            "Ada Lovelace_9001_assignsubmission_file_/02_forward_process/data/a.csv": b"1",
            "Jörg von Neumann_9002_assignsubmission_file_/forward_process.ipynb": NOTEBOOK,
            "__MACOSX/Ada Lovelace_9001_assignsubmission_file_/._x": b"",
        },
    )
    assert collect(course, archive) == 0
    assert sorted(there(course)) == [
        f"Ada-Lovelace-9001/{LESSON}/data/a.csv",
        f"Ada-Lovelace-9001/{LESSON}/forward_process.ipynb",
        f"Jorg-von-Neumann-9002/{LESSON}/forward_process.ipynb",
    ]
    assert known_people(course)["Jorg-von-Neumann-9002"].moodle == "9002"


def test_a_roster_that_comes_later_does_not_make_a_second_student(course, tmp_path, capsys) -> None:
    archive = download(tmp_path / "d.zip", {"lovelaceada_101_7_forward_process.ipynb": NOTEBOOK})
    assert collect(course, archive) == 0
    (tmp_path / "roster.csv").write_text(
        'Student,ID,SIS Login ID,Section\n"Lovelace, Ada",101,ada,1\n"Moss, Bob",102,bob,1\n'
    )
    assert collect(course, archive, "--roster", tmp_path / "roster.csv") == 0
    assert "lovelaceada-101  (Canvas) the same as before" in capsys.readouterr().out
    people = known_people(course)
    assert sorted(people) == ["bob", "lovelaceada-101"]
    assert people["lovelaceada-101"].sorted_name == "Lovelace, Ada"
    assert people["lovelaceada-101"].login == "ada"


def test_nobody_hands_in_for_somebody_else_by_taking_their_name(course, tmp_path) -> None:
    remember(course, [Person("ada", "Ada", "Lovelace", moodle="9001"), Person("bob", "Bob", "Moss")])
    archive = download(
        tmp_path / "d.zip",
        {
            "Ada Lovelace_666_assignsubmission_file_/forward_process.ipynb": NOTEBOOK,
            "Bob Moss_1_assignsubmission_file_/forward_process.ipynb": NOTEBOOK,
            "bob  moss_2_assignsubmission_file_/forward_process.ipynb": NOTEBOOK,
        },
    )
    assert collect(course, archive) == 0
    assert {name.split("/")[0] for name in there(course)} == {"Ada-Lovelace-666", "Bob-Moss-1", "bob--moss-2"}


def test_nobody_hands_in_for_somebody_else_by_the_name_of_a_file(course, tmp_path, capsys) -> None:
    remember(course, [Person("ada", "Ada", "Lovelace", canvas="101"), Person("bob", "Bob", "Moss", canvas="102")])
    late = "2026-09-09-12-00-00_forward_process.ipynb"
    canvas = {
        "mossbob_102_4700_forward_process.ipynb": NOTEBOOK,
        f"lovelaceada_101_4711_bob_attempt_{late}": NOTEBOOK,
    }
    assert collect(course, download(tmp_path / "canvas.zip", canvas)) == 0
    assert {name.split("/")[0] for name in there(course)} == {"ada", "bob"}
    assert f"bob/{LESSON}/timestamp.txt" not in there(course)


def test_nobody_gets_the_id_of_somebody_else_by_choosing_a_name(course, tmp_path) -> None:
    remember(course, [Person("student-12", "Bob", "Moss", moodle="55")])
    names = ("student_12", "v" * 150 + "_8", "v" * 150 + "_9")
    files = {f"{name}_assignsubmission_file_/forward_process.ipynb": NOTEBOOK for name in names}
    assert collect(course, download(tmp_path / "d.zip", files)) == 0
    ids = {name.split("/")[0] for name in there(course)}
    assert ids == {"student-12-2", "v" * 60 + "-8", "v" * 60 + "-9"}


def test_the_first_attempt_in_a_name_is_blackboards() -> None:
    title, other = "Lab_1_2_ada_attempt_2026-03-01-12-00-00", "Lab_1_2_bob_attempt_2026-03-02-12-00-00"
    names = [f"{title}.txt", f"{title}_x_bob_attempt_2026-09-09-12-00-00_f.ipynb", f"{other}_f.ipynb"]
    found = [label((name,), (), titles(names)) for name in names]
    assert [(f.platform, f.user) for f in found if f] == [("Blackboard", "ada"), ("Blackboard", "bob")]


def test_times_in_names_are_the_platforms_and_in_its_zone(course, tmp_path) -> None:
    name = "Essay_ada_attempt_2026-07-01-14-00-00_forward_process.ipynb"
    assert collect(course, download(tmp_path / "d.zip", {name: NOTEBOOK}), "--timezone", "Europe/Berlin") == 0
    assert there(course)[f"ada/{LESSON}/timestamp.txt"] == b"2026-07-01 12:00:00 UTC\n"
    assert collect(course, tmp_path / "d.zip", "--timezone", "Nowhere/Land") == 1


def test_moodles_times_come_from_its_worksheet(course, tmp_path) -> None:
    head = "Identifier,Full name,Email address,Status,Grade,Last modified (submission)\n"
    when = {1: '"Wednesday, 1 July 2026, 2:00 PM"', 2: "-", 3: '"mercredi 1 juillet 2026, 14:00"'}
    lines = [f"Participant {i},S T{i},s{i}@example.org,,,{text}\n" for i, text in when.items()]
    (tmp_path / "w.csv").write_text(head + "".join(lines))
    names = {f"S T{i}_{i}_assignsubmission_file_/forward_process.ipynb": NOTEBOOK for i in when}
    archive = download(tmp_path / "d.zip", names)
    assert collect(course, archive, "--roster", tmp_path / "w.csv", "--timezone", "Europe/Berlin") == 0
    stamps = {name: data for name, data in there(course).items() if name.endswith("timestamp.txt")}
    assert stamps == {f"s1/{LESSON}/timestamp.txt": b"2026-07-01 12:00:00 UTC\n"}


def test_a_students_own_time_is_left_out(course, tmp_path, capsys) -> None:
    folder = "Ada L_1_assignsubmission_file_"
    files = {f"{folder}/forward_process.ipynb": NOTEBOOK, f"{folder}/timestamp.txt": b"1999-01-01 00:00:00 UTC"}
    assert collect(course, download(tmp_path / "d.zip", files)) == 1
    assert list(there(course)) == [f"Ada-L-1/{LESSON}/forward_process.ipynb"]
    assert "not the student's to write" in capsys.readouterr().out


def changed(number: int) -> bytes:
    data = json.loads(NOTEBOOK)
    data["metadata"]["attempt"] = number
    return json.dumps(data).encode()


def test_the_newest_attempt_wins_whatever_comes_first(course, tmp_path, capsys) -> None:
    old, new, newer = changed(1), changed(2), changed(3)
    name = "lovelaceada_101_{}_forward_process{}.ipynb"
    files = {name.format(20, "-1"): new, name.format(10, ""): old}
    assert collect(course, download(tmp_path / "a.zip", files)) == 1
    place = f"lovelaceada-101/{LESSON}/forward_process.ipynb"
    assert there(course) == {place: new}
    assert "an older attempt" in capsys.readouterr().out
    assert collect(course, download(tmp_path / "b.zip", {name.format(30, ""): newer})) == 0
    assert there(course) == {place: newer}
    assert "replaces an attempt" in capsys.readouterr().out
    kept = course / ".course/grader/replaced" / LESSON / "lovelaceada-101" / "1" / "forward_process.ipynb"
    assert kept.read_bytes() == new
    assert collect(course, tmp_path / "a.zip") == 1
    assert there(course) == {place: newer}
    assert "NOT TAKEN: it is older" in capsys.readouterr().out
    assert collect(course, tmp_path / "b.zip") == 0
    assert "the same as before" in capsys.readouterr().out


def test_what_was_put_there_by_hand_is_not_replaced_unless_asked(course, tmp_path) -> None:
    place = course / "submitted" / "ada" / LESSON
    place.mkdir(parents=True)
    (place / "forward_process.ipynb").write_bytes(b"mine")
    archive = download(tmp_path / "d.zip", {f"ada/{LESSON}/forward_process.ipynb": NOTEBOOK})
    assert collect(course, archive) == 1
    assert there(course) == {f"ada/{LESSON}/forward_process.ipynb": b"mine"}
    assert collect(course, archive, "--force") == 0
    assert there(course) == {f"ada/{LESSON}/forward_process.ipynb": NOTEBOOK}


def test_a_notebook_of_another_lesson_is_listed_and_not_mistaken(course, tmp_path, capsys) -> None:
    files = {f"s{i}_{i}_{i}_forward_process.ipynb": NOTEBOOK for i in range(3)} | {"s9_9_9_ddpm.ipynb": OTHER}
    assert collect(course, download(tmp_path / "d.zip", files)) == 1
    assert {name.split("/")[1] for name in there(course)} == {LESSON}
    assert "s9_9_9_ddpm.ipynb: it is a notebook of 05_ddpm" in capsys.readouterr().out
    assert collect(course, download(tmp_path / "e.zip", {"s9_9_9_ddpm.ipynb": OTHER}), "--lesson", "05") == 0
    assert "s9-9/05_ddpm/ddpm.ipynb" in there(course)


def test_a_download_of_no_lesson_asks_for_it(course, tmp_path, capsys) -> None:
    archive = download(tmp_path / "d.zip", {"a_1_1_untitled.ipynb": b'{"cells": []}'})
    assert collect(course, archive) == 1
    assert "--lesson" in capsys.readouterr().err
    assert collect(course, archive, "--lesson", "02") == 0
    assert list(there(course)) == [f"a-1/{LESSON}/forward_process.ipynb"]


ADA = "Ada L_1_assignsubmission_file_"
GOOD = {f"{ADA}/forward_process.ipynb": NOTEBOOK}


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


HOSTILE = {
    f"{ADA}/../../../../evil.py": "leads out",
    "../evil_1_2_x.py": "leads out",
    "/evil_1_2_x.py": "leads out",
    "..\\evil_1_2_x.py": "leads out",
    "C:/evil_1_2_x.py": "leads out",
    f"{ADA}/{'d/' * 20}x.py": "too long",
    f"{ADA}/{'x' * 300}.py": "too long",
    f"{ADA}/\x1b[2Jx.py": "cannot be shown",
    f"{ADA}/inner.zip": "an archive in the archive",
    f"{ADA}/forward_process.ipynb/x.py": "a newer file has its name",
}


@pytest.mark.parametrize(("name", "says"), HOSTILE.items(), ids=[ascii(n) for n in HOSTILE])
def test_a_hostile_name_stays_in_the_archive(course, tmp_path, capsys, name: str, says: str) -> None:
    assert collect(course, download(tmp_path / "d.zip", GOOD | {name: b"evil"})) == 1
    assert there(course) == {f"Ada-L-1/{LESSON}/forward_process.ipynb": NOTEBOOK}
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and p.read_bytes() == b"evil"]
    said = capsys.readouterr().out
    assert says in said
    assert all(line.isprintable() for line in said.splitlines())


def test_a_link_is_never_followed_or_made(course, tmp_path, capsys) -> None:
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr(link(f"{ADA}/forward_process.ipynb"), "../../../solutions/x.ipynb")
        archive.writestr("Bob M_2_assignsubmission_file_/forward_process.ipynb", NOTEBOOK)
    assert collect(course, tmp_path / "d.zip") == 1
    assert list(there(course)) == [f"Bob-M-2/{LESSON}/forward_process.ipynb"]
    assert "it is a link" in capsys.readouterr().out


def test_bombs_cost_one_line_each(course, tmp_path, capsys) -> None:
    files = GOOD | {f"{ADA}/zeros.bin": bytes(17 * 2**20)}
    files |= {f"Bob M_2_assignsubmission_file_/{i}.txt": b"" for i in range(300)}
    files |= {f"Cyd M_3_assignsubmission_file_/{i}.bin": bytes(15 * 2**20) for i in range(8)}
    assert collect(course, download(tmp_path / "d.zip", files)) == 1
    said = capsys.readouterr().out
    assert "zeros.bin: it is larger than 16 MiB" in said
    assert said.count("its owner handed in more than") == 100 + 2
    assert f"Ada-L-1/{LESSON}/forward_process.ipynb" in there(course)


def test_an_archive_that_lies_about_a_size_or_is_cut_costs_that_file(course, tmp_path, capsys) -> None:
    data = bytearray(download(tmp_path / "d.zip", GOOD | {"b_1_2_x.py": b"abcdefgh" * 100}).read_bytes())
    place = data.rindex(b"b_1_2_x.py") - 46 + 24  # the size in the archive's list of contents
    data[place : place + 4] = (10).to_bytes(4, "little")
    (tmp_path / "lies.zip").write_bytes(data)
    assert collect(course, tmp_path / "lies.zip") == 1
    assert "b_1_2_x.py: it is damaged" in capsys.readouterr().out
    assert len(there(course)) == 1
    (tmp_path / "cut.zip").write_bytes(data[: len(data) // 2])
    assert collect(course, tmp_path / "cut.zip") == 1
    assert "download it again" in capsys.readouterr().err
    (tmp_path / "text.zip").write_bytes(b"no zip")
    assert collect(course, tmp_path / "text.zip") == 1


def test_what_was_collected_is_on_record(course, tmp_path) -> None:
    collect(course, download(tmp_path / "week 2.zip", GOOD))
    what = received(course, LESSON, "Ada-L-1")
    assert what is not None
    assert (what.platform, what.archive, what.time) == ("Moodle", "week 2.zip", "")
    assert list(what.files) == ["forward_process.ipynb"]
    assert received(course, LESSON, "nobody") is None
