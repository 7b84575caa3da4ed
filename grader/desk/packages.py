"""Which of the course's packages are installed, beside the versions that were tested together."""

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from grader.desk.finding import Line

NAME = re.compile(r"[A-Za-z0-9._-]+")
INSTALL = 'pip install -c constraints.txt -e "{}", in the course folder (make start does it)'


def look(root: Path) -> Iterator[Line]:
    """A line for Python and for each package that pyproject.toml names.  root: the course folder."""
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, LookupError, ValueError):
        yield Line("weak", f"there is no course in {root}", "run this in the course folder, or pass --root")
        return
    yield _python(project["requires-python"])
    pins = pinned(root)
    for name in _names(project["dependencies"]):
        yield _package(name, pins)
    for extra, texts in project["optional-dependencies"].items():
        yield _extra(extra, _names(texts), pins)


def pinned(root: Path) -> dict[str, str]:
    """{package: version} of constraints.txt."""
    try:
        lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {_plain(name): version for name, _, version in (line.partition("==") for line in lines) if version}


def _python(wanted: str) -> Line:
    oldest = tuple(map(int, re.findall(r"\d+", wanted.split(",")[0])))  # ">=3.11", also before ",<4"
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < oldest:
        return Line("bad", f"Python {version}; the course needs {wanted}", "make start PYTHON=/path/to/a/later/python3")
    return Line("good", f"Python {version}")


def _package(name: str, pins: dict[str, str]) -> Line:
    version, pin = _version(name), pins.get(_plain(name))
    if version is None:
        return Line("bad", name, INSTALL.format("."))
    if pin and version != pin:
        return Line("weak", f"{name} {version}; tested with {pin}", INSTALL.format("."))
    return Line("good", f"{name} {version}")


def _extra(extra: str, names: list[str], pins: dict[str, str]) -> Line:
    """One line for packages that only some people need."""
    lost = [name for name in names if _version(name) is None]
    if lost:
        return Line("extra", f"[{extra}]: {', '.join(lost)}", f"only if you want it: {INSTALL.format(f'.[{extra}]')}")
    other = [_package(name, pins) for name in names]
    return next((line for line in other if line.state == "weak"), Line("good", f"[{extra}]: {', '.join(names)}"))


def _version(name: str) -> str | None:
    """The installed version without the part that names a build, or None."""
    try:
        return importlib.metadata.version(name).split("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return None


def _names(requirements: list[str]) -> list[str]:
    return [found[0] for text in requirements if (found := NAME.match(text))]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
