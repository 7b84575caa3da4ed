"""Which cells only add functions, so that what came before them works as it did.

A check looks at the state at its place in the notebook.  Making a copy of that state is what grading costs most; but
if the cells up to the next check only add new names, one copy serves both.
"""

import ast
import re

# Loaded before any cell runs, and changed by nothing that an import of their parts does.
LIBRARIES = {"collections", "dataclasses", "functools", "itertools", "math", "numpy", "torch", "typing"}
_PLAIN = (ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.BinOp, ast.BitOr, ast.Load)


def words_of(source: str) -> set[str]:
    """Every word in a cell, in comments and texts too: more than the names that its code can reach."""
    return set(re.findall(r"\w+", source))


def only_adds(source: str, known: set[str]) -> bool:
    """Whether a cell does nothing but define functions, or take some from a library, under names that no earlier cell
    mentions.

    known: the words of all earlier cells.  A doubtful cell is not one of these.
    """
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # magics, and what is no Python at all
        return False
    return all(
        _is_text(s) or _is_plain_function(s, known) or _is_plain_lambda(s, known) or _is_plain_import(s, known)
        for s in statements
    )


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _is_plain_function(statement: ast.stmt, known: set[str]) -> bool:
    """A new name, and nothing of it is computed but its annotations, which name types only."""
    if not isinstance(statement, ast.FunctionDef) or statement.decorator_list or statement.name in known:
        return False
    a, notes = statement.args, [statement.returns]
    notes += [argument.annotation for argument in _arguments(a)]
    return _has_plain_defaults(a) and all(isinstance(p, _PLAIN) for note in notes if note for p in ast.walk(note))


def _is_plain_lambda(statement: ast.stmt, known: set[str]) -> bool:
    """`name = lambda ...`, with a new name."""
    match statement:
        case ast.Assign([ast.Name(name)], ast.Lambda(args=arguments)):
            return name not in known and _has_plain_defaults(arguments)
    return False


def _is_plain_import(statement: ast.stmt, known: set[str]) -> bool:
    """New names for parts of a library.  Any other module may do anything when it is loaded."""
    match statement:
        case ast.Import(names):
            taken = [a.name for a in names]
        case ast.ImportFrom(str(module), names, 0):
            taken = [module]
        case _:
            return False
    bound = {(a.asname or a.name).split(".")[0] for a in names}
    return {module.split(".")[0] for module in taken} <= LIBRARIES and not bound & (known | {"*"})


def _has_plain_defaults(a: ast.arguments) -> bool:
    return all(isinstance(default, ast.Constant) for default in (*a.defaults, *filter(None, a.kw_defaults)))


def _arguments(a: ast.arguments) -> list[ast.arg]:
    return [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
