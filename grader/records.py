"""Finished gradings, kept on disk so that a run that was killed goes on where it stopped."""

import dataclasses
import functools
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from grader.judge import Cell, Record, Score


def course_folder(root: Path) -> Path:
    """Where the grader keeps what is its own: secret and records.  Readable by the instructor alone."""
    folder = root / ".course" / "grader"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # mkdir's mode would be cut by the umask, and a parent's is the umask's
    return folder


def course_secret(root: Path) -> bytes:
    """The key under which the inputs of a grading are drawn.  Made once per course."""
    path = course_folder(root) / "secret"
    try:
        return bytes.fromhex(path.read_text())  # white space in it does not count
    except FileNotFoundError:
        with FileLock(path.with_suffix(".lock")):  # workers begin at the same time, and all need the same one
            if not path.exists():
                write_atomically(path, secrets.token_hex(32).encode())
        return bytes.fromhex(path.read_text())


def fingerprint(cells: Sequence[Cell], files: dict[str, bytes]) -> str:
    """What was handed in: the cells as they will be run, and the files beside the notebook."""
    lines = [json.dumps([_fields(c) for c in cells], sort_keys=True)]
    lines += [json.dumps([name, hashlib.sha256(data).hexdigest()]) for name, data in sorted(files.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _fields(cell: Cell) -> dict[str, Any]:
    """As `dataclasses.asdict`, which takes each text to be anything."""
    return vars(cell) | {"grade": vars(cell.grade) if cell.grade else None}


@functools.cache
def checks_version() -> str:
    """Changes whenever the code that decides a grade changes: everything in the two packages."""
    root = Path(__file__).resolve().parent.parent
    paths = sorted(p for package in ("diffkit", "grader") for p in (root / package).rglob("*.py"))
    joined = "\n".join(f"{p.relative_to(root)} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in paths)
    return hashlib.sha256(joined.encode()).hexdigest()


class Records:
    """Records by fingerprint, one JSON file each; written whole or not at all."""

    def __init__(self, root: Path) -> None:
        self.folder = course_folder(root) / "records"
        self.folder.mkdir(exist_ok=True, mode=0o700)

    def get(self, key: str) -> Record | None:
        """The record of a fingerprint, or None if there is none that can be read."""
        try:
            found = record_from_json((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            return dataclasses.replace(found, key=key)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def __contains__(self, key: str) -> bool:
        return (self.folder / f"{key}.json").is_file()

    def of(self, content: str) -> Record | None:
        """The newest record of what was handed in, by whatever version of the checks it was judged."""
        mine = f"{content[:40]}-"  # asked of the names: a pattern would be compiled, and kept, for every submission
        with os.scandir(self.folder) as files:
            found = [f for f in files if f.name.startswith(mine) and f.name.endswith(".json")]
        found.sort(key=lambda file: file.stat().st_mtime_ns, reverse=True)
        records = (self.get(file.name.removesuffix(".json")) for file in found)
        return next((r for r in records if r is not None), None)

    def put(self, key: str, record: Record) -> None:
        """Keep a record."""
        record.key = key
        write_atomically(self.folder / f"{key}.json", record_to_json(record).encode())


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never half of it."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def record_to_json(record: Record) -> str:
    """A record as text."""
    return json.dumps(dataclasses.asdict(record))


def record_from_json(text: str) -> Record:
    """The record in a text.  Raises ValueError, KeyError, TypeError or AttributeError if there is none in it."""
    data: dict[str, Any] = json.loads(text)
    return Record(
        outputs={int(k): v for k, v in data["outputs"].items()},
        scores={k: Score(**v) for k, v in data["scores"].items()},
        notes=data["notes"],
        seconds=data["seconds"],
        versions=data.get("versions", {}),
    )
