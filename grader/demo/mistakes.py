"""One student per misconception: everything right but that one function.

The wrong functions live in the exercises.  A student cannot import those while being graded, so their source is handed
in as a file beside the notebook, with stand-ins for what it imports from the grader.
"""

import ast
import importlib
import inspect
import pkgutil
from graphlib import TopologicalSorter
from types import ModuleType

from grader.demo.student import Student, answers
from grader.exercise import Exercise, Misconception
from grader.exercises import LESSONS, PACKAGES

# Runs where there is no `grader.exercise`: it defines what the modules import, then the modules themselves.
LOADER = """
import sys, types

class _Record:
    points = 1

    def __init__(self, *args, **kwargs):
        self.args, self.__dict__ = args, {**kwargs, "args": args}

def _module(name, contents=None, source=""):
    module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(contents or {})
    exec(compile(source, name, "exec"), module.__dict__)
    return module

_names = "Case", "Criterion", "Draw", "Exercise", "Misconception", "Served"
_module("grader.exercise", dict.fromkeys(_names, _Record))
ALL = []
for _name, _source in SOURCES.items():
    _made = _module(_name, source=_source)
    ALL += [_made.EXERCISE] if hasattr(_made, "EXERCISE") else []
"""


def mistaken(lesson: str, full: float) -> list[Student]:
    """A student for each misconception of the lesson."""
    source = module_source(PACKAGES[lesson]).encode()
    return [_student(e, n, m, full, source) for e in LESSONS[lesson] for n, m in enumerate(e.misconceptions)]


def _student(exercise: Exercise, number: int, m: Misconception, full: float, mistakes: bytes) -> Student:
    function = exercise.name.split(".")[1]
    source = (
        "import mistakes\n"
        f"{function} = next(e for e in mistakes.ALL if e.name == {exercise.name!r})"
        f".misconceptions[{number}].args[1]"
    )
    return Student(
        f"wrong_{function}_{number + 1}",
        answers({exercise.name: source}),
        full - 1,
        exactly=False,
        diagnosis=m.name,
        files={"mistakes.py": mistakes},
    )


def module_source(package: ModuleType) -> str:
    """A module that holds the exercises of a lesson's package, each module of it as text, with what lessons share."""
    waiting = [f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__)]
    sources: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        sources[name] = inspect.getsource(importlib.import_module(name))
        waiting += [n for n in _imports(sources[name]) - sources.keys() if n.startswith("grader.exercises.")]
    needs = {name: _imports(source) & sources.keys() for name, source in sources.items()}
    ordered = {name: sources[name] for name in TopologicalSorter(needs).static_order()}
    return f"SOURCES = {ordered!r}\n{LOADER}"


def _imports(source: str) -> set[str]:
    return {n.module for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom) and n.module}
