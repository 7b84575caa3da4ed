"""The files of the project, for the tests of the house rules."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Used only where git cannot tell what belongs to the project, as in an unpacked archive.
TOP_LEVEL = {".git", ".venv", ".course", "submitted", "autograded", "feedback", "build", "dist"}
ANYWHERE = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".ipynb_checkpoints"}


@cache
def project_files() -> tuple[Path, ...]:
    """Every file that belongs to the project, committed or about to be."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
        paths = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path for path in ROOT.rglob("*") if not _is_left_behind(path.relative_to(ROOT))]
    return tuple(sorted(path for path in paths if path.is_file()))


def _is_left_behind(path: Path) -> bool:
    if path.parts[0] in TOP_LEVEL or path.parts[0].endswith(".egg-info") or path.name == "gradebook.db":
        return True
    return not ANYWHERE.isdisjoint(path.parts)


def text_of(path: Path) -> str | None:
    """The content of a text file, or None for a binary one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
