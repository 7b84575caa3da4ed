"""What the cells of a lesson must hold, so that the two notebooks built from it work.

nbgrader would accept most of these mistakes, and a student would meet them.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grader.build.tags import LessonError

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"


@dataclass(frozen=True)
class Cell:
    """A cell of the text source: the tag it carries, the tag's value, and the source."""

    tag: str | None
    name: str
    source: str


def check_cell(cell: Cell) -> None:
    """Raise LessonError if one cell alone breaks a rule."""
    has_region = BEGIN in cell.source or END in cell.source
    if cell.tag == "exercise":
        _check_exercise(cell)
    elif cell.tag == "check":
        _check_check(cell)
    elif has_region and cell.tag != "written":
        raise LessonError(f"holds {BEGIN} or {END}, so its header needs exercise=... or written=...")
    elif cell.tag == "written" and not has_region:
        raise LessonError(f"is a written question without an answer: put one between {BEGIN} and {END}")


def check_lesson(cells: Iterable[Cell]) -> None:
    """Raise LessonError if an exercise has no check: nobody would ever grade it."""
    names: dict[str, set[str]] = {"exercise": set(), "check": set()}
    for cell in cells:
        if cell.tag in names:
            names[cell.tag].add(cell.name)
    if unchecked := sorted(names["exercise"] - names["check"]):
        shown = ", ".join(unchecked)
        raise LessonError(f'no cell checks {shown}: add a cell with the header check="{unchecked[0]}" points=...')


def function_at(source: str, line: int) -> str | None:
    """The name of the innermost function around a line (counted from 1), or None.

    Raises LessonError if the source is not Python.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise LessonError(f"is not Python (line {error.lineno}: {error.msg})") from error
    around = [f for f in _functions(tree) if f.lineno <= line <= (f.end_lineno or f.lineno)]
    return max(around, key=lambda f: f.lineno).name if around else None


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _check_exercise(cell: Cell) -> None:
    begins = [i for i, line in enumerate(cell.source.split("\n"), start=1) if BEGIN in line]
    if not begins:
        raise LessonError(f"is an exercise without a solution: put one between {BEGIN} and {END}")
    for line in begins:
        if function_at(cell.source, line) is None:
            # At the top level of a cell the stub would raise as soon as a student runs the notebook.
            raise LessonError(f"has {BEGIN} outside a function: ask for a function, so that a blank one runs")


def _check_check(cell: Cell) -> None:
    example = f'check("{cell.name}", ...)'
    try:
        body = ast.parse(cell.source).body
    except SyntaxError as error:
        raise LessonError(f"is not Python: it must be the one line {example}") from error
    call = body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None
    is_check = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check"
    if not (isinstance(call, ast.Call) and is_check and call.args):
        raise LessonError(f"must be the one line {example}")
    first = call.args[0]
    if not (isinstance(first, ast.Constant) and first.value == cell.name):
        raise LessonError(f"calls check with another name than its header: write {example}")
