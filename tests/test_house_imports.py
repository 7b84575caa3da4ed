"""The arrows between modules: who may import whom (the table is `tests/house_arrows.py`)."""

from functools import cache

import pytest

from tests.house_arrows import DIFFKIT, DIFFKIT_COMMON, FORBIDDEN, GRADER, GRADER_DRIVERS, RESERVED
from tests.house_files import ROOT, project_files
from tests.house_imports import head, imports, module_name


@cache
def sources(package: str) -> dict[str, set[str]]:
    """{module: names that it imports} for every module of a package of this project."""
    found = {}
    for path in project_files():
        if path.suffix == ".py" and path.is_relative_to(ROOT / package):
            name = module_name(path, ROOT)
            found[name] = set(imports(path.read_text(encoding="utf-8"), name, path.name == "__init__.py"))
    return found


def reach(module: str) -> set[str]:
    """All that a module of diffkit may import: its arrows, their arrows, and so on."""
    open_, done = [module], set()
    while open_:
        for name in DIFFKIT[open_.pop()].split():
            if name not in done:
                done.add(name)
                open_.append(name)
    return done | DIFFKIT_COMMON | {module}


def known_heads(package: str, table: dict[str, str], extra: set[str]) -> None:
    heads = {head(module) for module in sources(package)} - {""} - extra
    missing = sorted(heads - set(table))
    assert not missing, f"new in {package}: {missing}; give each its arrows in tests/house_arrows.py"


def test_diffkit_never_imports_the_grader() -> None:
    bad = [(m, n) for m, names in sources("diffkit").items() for n in names if n.split(".")[0] == "grader"]
    assert not bad


@pytest.mark.parametrize("package", ["diffkit", "grader"])
def test_every_folder_of_a_package_says_that_it_is_one(package: str) -> None:
    # Without __init__.py a folder is a namespace: once installed, it is "there" even where its files are hidden,
    # as in the sandbox, and importlib.resources cannot open it.
    folders = {path.parent for path in project_files() if path.suffix == ".py" and path.is_relative_to(ROOT / package)}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_every_module_of_diffkit_has_its_arrows() -> None:
    known_heads("diffkit", DIFFKIT, set())


def test_every_module_of_the_grader_has_its_arrows() -> None:
    known_heads("grader", GRADER, GRADER_DRIVERS)


def test_the_arrows_of_diffkit_have_no_cycle() -> None:
    for module, arrows in DIFFKIT.items():
        for name in arrows.split():
            assert module not in reach(name) - {name}, f"{module} -> {name} -> .. -> {module}"


@pytest.mark.parametrize("module", sorted(DIFFKIT))
def test_a_module_of_diffkit_imports_only_along_its_arrows(module: str) -> None:
    names = {n for m, ns in sources("diffkit").items() if head(m) == module for n in ns}
    used = {head(n) for n in names if n.startswith("diffkit.")}
    assert used <= reach(module), f"diffkit.{module} may not import {sorted(used - reach(module))}"


def test_samplers_take_functions_and_never_networks() -> None:
    assert "nets" not in reach("samplers")
    assert "train" not in reach("samplers")


@pytest.mark.parametrize("module", sorted(GRADER))
def test_a_module_of_the_grader_imports_only_along_its_arrows(module: str) -> None:
    allowed = set(GRADER[module].split()) | {module}
    for name, names in sources("grader").items():
        if head(name) != module:
            continue
        used = {head(n) for n in names if n.startswith("grader.")}
        used |= {"diffkit" for n in names if n.split(".")[0] == "diffkit"}
        assert used <= allowed, f"{name} may not import {sorted(used - allowed)}"


def test_the_sandbox_knows_no_answers() -> None:
    for name, names in sources("grader").items():
        if head(name) == "sandbox":
            firsts = {n.split(".")[0] for n in names} | {".".join(n.split(".")[:2]) for n in names}
            assert not firsts & {
                "diffkit",
                "grader.exercises",
                "grader.judge",
                "grader.verdict",
                "grader.check",
            }, name


@pytest.mark.parametrize("library", sorted(RESERVED))
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    for package in ("diffkit", "grader"):
        for module, names in sources(package).items():
            if any(n.split(".")[0] == library for n in names):
                place = ".".join(module.split(".")[:2])
                assert place in RESERVED[library], f"{module} imports {library}; only {RESERVED[library]} may"


def test_nothing_that_runs_code_while_reading_data_is_imported() -> None:
    for package in ("diffkit", "grader"):
        for module, names in sources(package).items():
            assert not {n.split(".")[0] for n in names} & FORBIDDEN, module


def test_an_import_is_found_wherever_it_stands() -> None:
    source = "def f():\n    from ..nets import unet\nif x:\n    import grader.check as c\nfrom . import ddim\n"
    assert set(imports(source, "diffkit.samplers.ancestral")) == {
        "diffkit.nets.unet", "grader.check", "diffkit.samplers.ddim",
    }  # fmt: skip
