"""House rules for files: no path of anybody's machine, links that lead somewhere, data that fits its sum."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.house_files import ROOT, project_files, text_of

# Written in parts, so that this file does not hold what it looks for.
HOMES = "|".join(["home", "root", "work", "Users"])
MACHINE_PATH = re.compile(rf"(?<![\w.}}~/:-])/(?:{HOMES})/[\w.]|(?<!\w)[A-Z]:" + r"\\{1,2}(?:Users|Windows|Program)")
PRIVATE_HOST = re.compile(r"https?://(?:\d+\.\d+\.\d+\.\d+|[\w-]+(?:\.(?:internal|local|lan|corp))?)(?=[:/\s\"'`)]|$)")
THIS_MACHINE = ("http://localhost", "http://127.0.0.1")

# Files that must speak of such a path, and why.
ON_PURPOSE: dict[str, str] = {}

LINK = re.compile(r"\]\(([^)\s]+)\)|<img[^>]*\bsrc=\"([^\"]+)\"")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md"), *ROOT.glob("data/*.md")])
# What running the course makes: named in documents, and not there in a fresh clone.
MADE_LATER = {".venv", "submitted", "autograded", "feedback", "gradebook.db"}


def machine_paths(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if MACHINE_PATH.search(line)]


def test_no_file_holds_a_path_of_somebodys_machine() -> None:
    finds = []
    for path in project_files():
        name = path.relative_to(ROOT).as_posix()
        if name not in ON_PURPOSE and (text := text_of(path)):
            finds += [f"{name}: {line[:100]}" for line in machine_paths(text)]
    assert not finds, "\n".join(finds)


@pytest.mark.parametrize(
    "line",
    [f"open('/{'home'}/ann/x.npz')", f"cd /{'work'}/main", f"path=/{'root'}/.venv", "C:" + r"\Users\ann"],
)
def test_a_machine_path_is_seen(line: str) -> None:
    assert machine_paths(line)


@pytest.mark.parametrize(
    "line", ["https://a.org/home/x", "docs/work/x.md", "/homework/x", "a ratio, work/time", r"class A:\n"]
)
def test_a_harmless_line_is_no_machine_path(line: str) -> None:
    assert not machine_paths(line)


def test_no_file_names_a_private_host() -> None:
    finds = []
    for path in project_files():
        for match in PRIVATE_HOST.finditer(text_of(path) or ""):
            if not match.group().startswith(THIS_MACHINE):
                finds.append(f"{path.relative_to(ROOT)}: {match.group()}")
    assert not finds


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    targets = [a or b for a, b in LINK.findall(document.read_text(encoding="utf-8"))]
    local = [target.split("#")[0] for target in targets if "://" not in target and not target.startswith("#")]
    lost = [target for target in local if not (document.parent / target).exists()]
    assert not lost, f"{document.name} links to {lost}"


def test_every_image_of_a_document_has_a_text_for_those_who_do_not_see_it() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for tag in re.findall(r"<img[^>]*>", text):
            assert re.search(r'\balt="[^"]{10,}', tag), f"{document.name}: {tag}"
        assert "![](" not in text, f"{document.name} has an image without a text"


def test_every_file_that_the_readme_names_exists() -> None:
    names = re.findall(r"`([\w.][\w./-]*)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    paths = [name for name in names if "/" in name or Path(name).suffix in {".py", ".md", ".yml", ".txt", ".toml"}]
    assert paths
    lost = [p for p in paths if p.split("/")[0] not in MADE_LATER and not (ROOT / p).exists()]
    assert not lost


def test_data_files_match_their_checksums() -> None:
    sums = ROOT / "data" / "SHA256SUMS"
    listed = {}
    for line in sums.read_text(encoding="utf-8").splitlines():
        value, name = line.split()
        listed[name] = value
    there = {p.name: p for p in project_files() if p.parent == ROOT / "data" and p.suffix != ".md" and p != sums}
    assert set(listed) == set(there), "data/SHA256SUMS must list every data file, and no other"
    for name, path in there.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == listed[name], f"data/{name} was changed"
