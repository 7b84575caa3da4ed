"""A download that strangers filled: nothing leaves its folder, fills the disk, or is handed in for somebody else."""

import stat
import zipfile

import pytest

from grader.collect import placing
from grader.collect.names import label, titles
from grader.people import Person, remember
from tests.downloads import ADA, GOOD, LESSON, NOTEBOOK, collect, download, there

pytest_plugins = ["tests.download_fixtures"]


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


def test_a_name_that_cannot_be_an_id_becomes_nobody_elses(course, tmp_path) -> None:
    names = ("bob", "böb", "中文", "日本")
    files = {f"{name}/{LESSON}/forward_process.ipynb": NOTEBOOK for name in names}
    assert collect(course, download(tmp_path / "d.zip", files)) == 0
    found = {name.split("/")[0] for name in there(course)}
    assert len(found) == 4
    assert "bob" in found
    assert collect(course, download(tmp_path / "e.zip", {f"böb/{LESSON}/forward_process.ipynb": NOTEBOOK})) == 0
    assert {name.split("/")[0] for name in there(course)} == found


def test_a_time_of_the_year_1_is_no_time(course, tmp_path) -> None:
    name = "Essay_ada_attempt_0001-01-01-00-00-00_forward_process.ipynb"
    assert collect(course, download(tmp_path / "d.zip", {name: NOTEBOOK}), "--timezone", "Europe/Berlin") == 0
    assert list(there(course)) == [f"ada/{LESSON}/forward_process.ipynb"]


def test_a_students_own_time_is_left_out(course, tmp_path, capsys) -> None:
    folder = "Ada L_1_assignsubmission_file_"
    files = {f"{folder}/forward_process.ipynb": NOTEBOOK, f"{folder}/timestamp.txt": b"1999-01-01 00:00:00 UTC"}
    assert collect(course, download(tmp_path / "d.zip", files)) == 1
    assert list(there(course)) == [f"Ada-L-1/{LESSON}/forward_process.ipynb"]
    assert "not the student's to write" in capsys.readouterr().out


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


def test_a_folder_that_may_not_be_written_is_not_blamed_on_the_download(course, tmp_path, capsys, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "submitted")

    monkeypatch.setattr(placing, "remember", refuse)
    assert collect(course, download(tmp_path / "d.zip", GOOD)) == 1
    said = capsys.readouterr().err
    assert "submitted may not be read or written by this account" in said
    assert "download it again" not in said
