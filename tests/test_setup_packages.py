"""The three lists of packages agree: `pyproject.toml`, `constraints.txt` and `environment.yml`."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house_files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, version = line.split("==")  # anything but an exact pin fails here
            pinned[canonicalize_name(name)] = version
    return pinned


def direct_requirements() -> list[Requirement]:
    extras = [text for texts in PROJECT["optional-dependencies"].values() for text in texts]
    return [Requirement(text) for text in [*PROJECT["dependencies"], *extras]]


def installed_with(requirement: Requirement, seen: set[str]) -> Iterator[str]:
    """The names of what a requirement brings in on this machine, itself first."""
    name = canonicalize_name(requirement.name)
    if name in seen:
        return
    seen.add(name)
    yield name
    for text in importlib.metadata.distribution(name).requires or []:
        child = Requirement(text)
        marks = [{"extra": extra} for extra in (requirement.extras or {""})]
        if child.marker is None or any(child.marker.evaluate(mark) for mark in marks):
            yield from installed_with(child, seen)


@pytest.mark.parametrize("requirement", direct_requirements(), ids=lambda r: r.name)
def test_a_direct_requirement_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_the_environment_that_runs_the_tests_is_the_pinned_one() -> None:
    seen: set[str] = set()
    names = [name for requirement in direct_requirements() for name in installed_with(requirement, seen)]
    pinned = pins()
    assert not [name for name in names if name not in pinned], "add these to constraints.txt"
    versions = {name: importlib.metadata.version(name).split("+")[0] for name in names}
    wrong = {name: f"{v} here, {pinned[name]} pinned" for name, v in versions.items() if v != pinned[name]}
    assert not wrong, "run `make test`, or pip install -c constraints.txt"


def test_no_package_makes_every_command_wait() -> None:
    advice = "its import takes two seconds: pin a jsonschema that does not bring it, see docs/dependencies.md"
    assert "rfc3987-syntax" not in pins(), advice


def test_constraints_are_sorted_and_named_once() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    names = [line.split("==")[0].lower() for line in lines if not line.startswith("#")]
    assert names == sorted(set(names))


def test_conda_asks_for_the_same_python_as_pip() -> None:
    python = next(d for d in CONDA["dependencies"] if isinstance(d, str) and d.startswith("python"))
    assert python == f"python{PROJECT['requires-python']}"


def test_conda_installs_this_project_with_the_pins_and_all_extras() -> None:
    (pip,) = (d["pip"] for d in CONDA["dependencies"] if isinstance(d, dict))
    assert CONDA["name"] == PROJECT["name"]
    assert "pip" in CONDA["dependencies"]
    assert "--constraint constraints.txt" in pip
    (editable,) = (line for line in pip if line.startswith("--editable"))
    extras = re.fullmatch(r"--editable \.\[([\w,]+)\]", editable)
    assert extras
    assert set(extras[1].split(",")) == set(PROJECT["optional-dependencies"])


def test_the_documents_install_the_pinned_torch() -> None:
    for name in ("README.md", "docs/install.md"):
        versions = re.findall(r"torch==([\d.]+)", (ROOT / name).read_text(encoding="utf-8"))
        assert versions, name
        assert set(versions) == {pins()["torch"]}, name


def test_the_documents_list_every_direct_requirement() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").lower()
    missing = [r.name for r in direct_requirements() if not re.search(rf"\b{r.name.lower()}\b", text)]
    assert not missing
