"""A zip file that strangers filled, read without trusting a name or a size in it."""

import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grader.errors import CourseError
from grader.intake import LARGEST_FILE
from grader.notebook_file import LARGEST_NOTEBOOK
from grader.text import shown

MOST_ENTRIES = 50_000
DEEPEST, LONGEST = 16, 200  # parts of a path, letters in one
RUBBISH = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints", "__pycache__", ".git"}
CHUNK = 2**20
LEADS_AWAY = re.compile(r"[/\\]|[A-Za-z]:")


class UnreadableError(ValueError):
    """An entry that is not taken out of the archive; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A file in the archive.  parts: its path; problem: why it is not taken, or empty; when: its own date."""

    parts: tuple[str, ...]
    size: int
    when: tuple[int, ...]
    info: zipfile.ZipInfo
    problem: str = ""

    @property
    def path(self) -> str:
        """The path, safe to print."""
        return shown("/".join(self.parts))


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, if it is one.  Raises CourseError otherwise, or if there is no room for what it says it holds."""
    if not path.is_file():
        raise CourseError(f"there is no file {path}")
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise CourseError(f"{path.name} is not a zip file that can be read ({error}): download it again") from error
    with archive:
        infos = archive.infolist()
        if len(infos) > MOST_ENTRIES:
            raise CourseError(f"{path.name} holds {len(infos)} files; at most {MOST_ENTRIES} are taken")
        if sum(i.file_size for i in infos) > shutil.disk_usage(path.parent).free // 2:
            raise CourseError(f"{path.name} would fill the disk when it is unpacked")
        yield archive


def entries(archive: zipfile.ZipFile) -> list[Entry]:
    """Its files, without folders and rubbish."""
    found = [_entry(i) for i in archive.infolist() if not i.is_dir()]
    return [e for e in found if RUBBISH.isdisjoint(e.parts)]


def _entry(info: zipfile.ZipInfo) -> Entry:
    parts = tuple(p for p in info.filename.replace("\\", "/").split("/") if p not in ("", "."))
    return Entry(parts, info.file_size, tuple(info.date_time), info, _problem(info, parts))


def _problem(info: zipfile.ZipInfo, parts: tuple[str, ...]) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    largest = LARGEST_NOTEBOOK if info.filename.endswith(".ipynb") else LARGEST_FILE
    problems = {
        "it leads out of the archive": ".." in parts or LEADS_AWAY.match(info.filename) is not None,
        "its name cannot be shown": not parts or not "".join(parts).isprintable(),
        "its path is too long": len(parts) > DEEPEST or any(len(p.encode(errors="replace")) > LONGEST for p in parts),
        "it is a link": stat.S_ISLNK(kind),
        "it is no file": kind not in (0, stat.S_IFREG) and not stat.S_ISLNK(kind),
        "it is encrypted": bool(info.flag_bits & 1),
        f"it is larger than {largest >> 20} MiB": info.file_size > largest,
    }
    return next((said for said, true in problems.items() if true), "")


def content(archive: zipfile.ZipFile, entry: Entry) -> bytes:
    """What is in the file.  Raises UnreadableError for damage, and for more bytes than the archive said."""
    if entry.problem:
        raise UnreadableError(entry.problem)
    data = bytearray()
    try:
        with archive.open(entry.info) as file:
            while chunk := file.read(CHUNK):
                data += chunk
                if len(data) > entry.size:
                    raise UnreadableError("it is larger than the archive says")
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError, ValueError, zlib.error) as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(f"it is damaged ({error})") from error
    return bytes(data)
