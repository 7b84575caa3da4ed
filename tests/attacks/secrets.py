"""What must not leak, planted where a thief would look, and a witness for every place that must not change."""

import hashlib
import os
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from grader.records import course_folder
from tests.attacks.attack import LESSON, MARK

# Words that no submission contains, so whoever shows one has read it somewhere.
KEY = hashlib.sha256(b"the key of the arena").hexdigest()
CANARIES = {
    "the course's key": KEY,
    "the solution": "canary-of-the-course-solution-71c0",
    "another submission": "canary-of-the-course-neighbour-93ab",
    "the environment": "canary-of-the-course-environment-2e44",
    "a file of the instructor": "canary-of-the-course-home-b5d8",
}
PLACES = ("/tmp", "/var/tmp", "/dev/shm", str(Path.home()))


def plant(folder: Path) -> list[Path]:
    """Write the canaries into a course.  Returns the files, for a thief who is told their names."""
    key = course_folder(folder) / "secret"
    key.write_text(KEY)
    text, note = folder / "solutions" / f"{LESSON}.py", folder / "notes.txt"
    text.write_text(f"# CANARY {CANARIES['the solution']}\n")
    note.write_text(f"CANARY {CANARIES['a file of the instructor']}\n")
    for path in (folder, text, note):
        path.chmod(0o755)
    return [key, text, note, folder / "gradebook.db", folder / "submitted" / "neighbour" / LESSON]


@contextmanager
def watched() -> Iterator[list[str]]:
    """A secret in the environment and a server on the loopback.  Yields who called, and its port as first entry."""
    os.environ["GRADER_CANARY"] = CANARIES["the environment"]
    called: list[str] = []
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as hidden:
            with suppress(OSError):  # another run of the suite on this machine has it, and watches it
                hidden.bind("\0CANARY-socket")
                hidden.listen()
            called.append(str(server.getsockname()[1]))
            yield called
            for listener in (server, hidden):
                listener.settimeout(0.01)
                try:
                    listener.accept()
                    called.append("somebody called")
                except OSError:  # nobody in time, or the address was taken
                    pass
    finally:
        del os.environ["GRADER_CANARY"]


def fingerprint(folder: Path) -> dict[str, str]:
    """Everything that grading must leave as it is: the course without its results, Python's packages."""
    results = {"autograded", "feedback", "gradebook.db", "graded", "records"}
    found = {}
    for name in _names(folder):
        path = folder / name
        inside = path.relative_to(folder)
        if (
            path.is_file()
            and not path.is_symlink()
            and results.isdisjoint(inside.parts)
            and path.stat().st_size < 2**22
        ):
            found[str(inside)] = f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    packages = Path(sysconfig.get_path("purelib"))
    names = sorted(p.name for p in packages.iterdir())
    found["packages"] = f"{names} {hashlib.sha256((packages / 'torch/__init__.py').read_bytes()).hexdigest()}"
    return found


def _names(folder: Path) -> list[str]:
    """Relative names of what is not too deep to be looked at: some attacks make nests of folders."""
    find = ["find", ".", "-maxdepth", "6", "-print0"]
    listed = subprocess.run(find, cwd=folder, capture_output=True, check=True).stdout
    return sorted(os.fsdecode(name) for name in listed.split(b"\0") if name)


def left_behind() -> list[str]:
    """Files and processes with the attackers' mark on this machine."""
    found = [f"{place}/{MARK}" for place in PLACES if Path(place, MARK).exists()]
    for name in (".bashrc", ".profile", ".ipython/profile_default/startup/00.py"):
        path = Path.home() / name
        if path.is_file() and MARK in path.read_text(errors="replace"):
            found.append(str(path))
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:
            continue
        if MARK.encode() in command or b"86400.5" in command:
            found.append(f"process {path.parent.name}")
    return found
