"""Which cells only add functions, so that what came before them works as it did.

A check looks at the state at its place in the notebook.  Making a copy of that state is what grading costs most; but
if the cells up to the next check only add new names, one copy serves both.
"""

import ast
import re

_PLAIN = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.BinOp, ast.BitOr, ast.Load)


def words_of(source: str) -> set[str]:
    """Every word in a cell, in comments and texts too: more than the names that its code can reach."""
    return set(re.findall(r"\w+", source))


def only_adds(source: str, known: set[str]) -> bool:
    """Whether a cell does nothing but define functions under names that no earlier cell mentions.

    known: the words of all earlier cells.  A doubtful cell is not one of these.
    """
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # magics, and what is no Python at all
        return False
    return all(_is_text(s) or _is_plain_function(s, known) for s in statements)


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_plain_function(statement: ast.stmt, known: set[str]) -> bool:
    """A new name, and nothing of it is computed but its annotations, which name types only."""
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list or statement.name in known:
        return False
    a = statement.args
    if not all(isinstance(default, ast.Constant) for default in (*a.defaults, *(d for d in a.kw_defaults if d))):
        return False
    arguments = (*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg)))
    notes = [statement.returns, *(argument.annotation for argument in arguments)]
    return all(isinstance(part, _PLAIN) for note in notes if note for part in ast.walk(note))
