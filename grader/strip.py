"""The diffkit that a sandbox gets: without the answers.

The student's own copy of the library is complete, and an exercise asks for what the library can do.  So that an answer
which forwards to the library earns nothing, the bodies of the functions under exercise are removed while grading, and
modules that a lesson has no need of are not there at all.  What only shows things (figures, explorers, equations) is
replaced by stand-ins that do nothing.
"""

import ast
import importlib.resources
from collections.abc import Iterable
from pathlib import Path

STAND_INS = ("equations", "explorers", "figure", "plots")

STAND_IN = '''"""Shows nothing while grading."""


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *args, **kwargs: None
'''

NOTEBOOK_GRADER = '''"""The notebook's side of the grader, while grading: the judge asks the functions itself."""

from contextlib import contextmanager


def check(*args, **kwargs):
    pass


def hint(*args, **kwargs):
    pass


def solution(*args, **kwargs):
    pass


class progress:
    def __new__(cls):
        pass

    done = staticmethod(dict)
    next = export = merge = staticmethod(lambda *args: None)


@contextmanager
def when_written():
    try:
        yield
    except NotImplementedError:
        pass
'''


class StripError(ValueError):
    """A name that should be withheld is not in the library: its answer would not be removed."""


def write(folder: Path, modules: Iterable[str], withheld: Iterable[str]) -> None:
    """Write a stripped `diffkit` and a silent `grader` package into folder.

    modules: names of diffkit's modules that the lesson may use; withheld: dotted names of functions, methods or
    properties whose bodies are removed.  Raises StripError if one of them is not in its module; a name in a module that
    is absent anyway needs nothing.
    """
    names = set(withheld)
    package = folder / "diffkit"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    found: set[str] = set()
    for module in sorted(set(modules)):
        source, removed = strip(_source(module), f"diffkit.{module}", names)
        found |= removed
        (package / f"{module}.py").write_text(source)
    for module in STAND_INS:
        (package / f"{module}.py").write_text(STAND_IN)
    (folder / "grader").mkdir()
    (folder / "grader" / "__init__.py").write_text(NOTEBOOK_GRADER)
    present = {n for n in names if n.split(".")[1] in set(modules)}
    if missing := present - found:
        raise StripError(f"cannot withhold what is not there: {', '.join(sorted(missing))}")


def strip(source: str, module: str, names: set[str]) -> tuple[str, set[str]]:
    """The source without the bodies of the named functions, and the names that were found in it."""
    stripper = _Stripper(module, names)
    tree = stripper.visit(ast.parse(source))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n", stripper.found


class _Stripper(ast.NodeTransformer):
    """Replaces bodies of the named functions by their docstring and a clear error."""

    def __init__(self, prefix: str, names: set[str]) -> None:
        self.prefix, self.names, self.found = prefix, names, set[str]()

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        inner = _Stripper(f"{self.prefix}.{node.name}", self.names)
        node.body = [inner.visit(child) for child in node.body]
        self.found |= inner.found
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        name = f"{self.prefix}.{node.name}"
        if name in self.names:
            self.found.add(name)
            docstring = node.body[:1] if ast.get_docstring(node) else []
            said = f"{name} is withheld while grading: write it yourself"
            node.body = [*docstring, *ast.parse(f"raise RuntimeError({said!r})").body]
        return node


def _source(module: str) -> str:
    file = importlib.resources.files("diffkit").joinpath(f"{module}.py")
    if not file.is_file():
        raise StripError(f"diffkit has no module {module}.py")
    return file.read_text(encoding="utf-8")
