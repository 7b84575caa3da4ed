"""Make the course's own Python environment in `.venv`, or see that it is there.

Uses the standard library alone, because it runs before anything is installed:
    python3 course/environment.py [app] [book] [cluster] [test]
Each word installs the packages of that name in pyproject.toml as well; `make test` says `test`.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ENV = ROOT / ".venv"
PYTHON = ENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
OLDEST = (3, 11)
EXTRAS = ("app", "book", "cluster", "test")
STAMP = "diffkit.json"


def main(argv: list[str]) -> int:
    """Bring `.venv` up to date; returns an exit status."""
    if sys.version_info[:2] < OLDEST:
        print("The course needs Python 3.11 or later; this is {}.{}.".format(*sys.version_info), file=sys.stderr)
        return 1
    wanted = {"", *(word for word in EXTRAS if word in argv)}
    stamp = _read_stamp()
    # A folder that was moved or copied needs a new one: the programs in an environment hold its full path.
    usable = stamp.get("place") == str(ROOT) and _works()
    extras = set(stamp["extras"]) if usable and stamp["files"] == _files() else set()
    if wanted <= extras:
        return 0
    if not usable:
        _create()
    _write_stamp("", set())  # if pip is interrupted, the next call must run it again
    _install(",".join(sorted(wanted - {""})))
    _write_stamp(_files(), extras | wanted)
    return 0


def _create() -> None:
    print("Making the environment in .venv. The first time takes a few minutes.", flush=True)
    base = getattr(sys, "_base_executable", sys.executable)  # not .venv itself, which --clear empties
    _run([base, "-m", "venv", "--clear", str(ENV)])


def _install(extras: str) -> None:
    target = f"{ROOT}[{extras}]" if extras else str(ROOT)
    pins = str(ROOT / "constraints.txt")
    _run([str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "-c", pins, "-e", target])


def _run(command: list[str]) -> None:
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status:
        shown = " ".join(command)
        raise SystemExit(f"\nThis step failed (its own message is above):\n  {shown}\nSee docs/install.md.")


def _works() -> bool:
    try:
        return subprocess.run([str(PYTHON), "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _read_stamp() -> dict[str, Any]:
    """What was installed, for which folder; empty if nothing was."""
    try:
        return dict(json.loads((ENV / STAMP).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _write_stamp(files: str, extras: set[str]) -> None:
    stamp = {"place": str(ROOT), "files": files, "extras": sorted(extras)}
    (ENV / STAMP).write_text(json.dumps(stamp), encoding="utf-8")


def _files() -> str:
    """A checksum of the files that say what is to be installed."""
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
