"""One student per misconception: everything right but that one function.

The wrong functions live in the exercises.  A student cannot import those while being graded, so their source is handed
in as a file beside the notebook, with stand-ins for what it imports from the grader.
"""

import ast
import inspect
from types import ModuleType

from grader.demo.student import Student, answers
from grader.exercise import Exercise, Misconception
from grader.exercises.forward_process import EXERCISES, MODULES, common, enough_steps

STAND_INS = """
class _Record:
    points = 1

    def __init__(self, *args, **kwargs):
        self.args, self.__dict__ = args, {**kwargs, "args": args}

Case = Criterion = Draw = Exercise = Misconception = Served = _Record
"""


def mistaken(full: float) -> list[Student]:
    """A student for each misconception of the lesson."""
    return [_student(e, number, m, full) for e in EXERCISES for number, m in enumerate(e.misconceptions)]


def _student(exercise: Exercise, number: int, m: Misconception, full: float) -> Student:
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
        files={"mistakes.py": module_source().encode()},
    )


def module_source() -> str:
    """The exercises' modules as one, without what they import from the grader."""
    parts = [STAND_INS, _without_imports(common), "ALL = []"]
    for module in sorted(MODULES, key=lambda m: m is enough_steps):  # it uses two of the others
        parts += [_without_imports(module), "ALL.append(EXERCISE)"]
    return "\n\n".join(parts) + "\n"


def _without_imports(module: ModuleType) -> str:
    tree = ast.parse(inspect.getsource(module))
    tree.body = [n for n in tree.body if not _from_grader(n)]
    return ast.unparse(tree)


def _from_grader(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith("grader")
