"""Small wrong copies of a function: every reference is changed in one place at a time, in ways that people get wrong.

A check that lets a mutant pass is too weak.  `test_mutants` judges each mutant by the graded cases of its exercise;
`tests/equivalents/` lists those that compute the same numbers as the reference, each with the reason.
"""

import ast
import copy
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.MatMult: ast.Mult,
}
LIMITS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
}
RENAMED = {"mean": "sum", "sum": "mean", "alpha": "alpha_bar", "alpha_bar": "alpha", "exp": "log", "log": "exp"}
# Calls whose absence is a mistake that people make: a root, a square, a shape, a dtype, a sign.
DROPPED = {"sqrt", "square", "exp", "log", "abs", "clamp", "reshape", "unsqueeze", "view", "flatten", "to", "double"}
DROPPED |= {"cumsum", "cumprod", "flip", "mT", "log1p", "expm1"}


@dataclass(frozen=True)
class Mutant:
    """name: what was changed, e.g. "beta[t] -> beta[t - 1]"; function: the changed function."""

    name: str
    function: Callable[..., Any]


def mutants(reference: Callable[..., Any]) -> Iterator[Mutant]:
    """Every mutant of a function, each made by one change of its source, and those that change an argument."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(reference)))
    seen: dict[str, int] = {}
    for place, node in enumerate(ast.walk(tree)):
        for new in _changes(node, _alike(reference)):
            name = f"{_words(node)} -> {_words(new)}"
            seen[name] = seen.get(name, 0) + 1
            count = f" #{seen[name]}" if seen[name] > 1 else ""
            yield Mutant(name + count, _compiled(tree, place, new, reference))
    yield from _in_place(reference)


def _words(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _alike(reference: Callable[..., Any]) -> dict[str, list[str]]:
    """{parameter: the other parameters of the same type}: exchanged by mistake without an error."""
    types = {p.name: p.annotation for p in inspect.signature(reference).parameters.values()}
    return {a: [b for b in types if b != a and types[b] == types[a]] for a in types}


def _changes(node: ast.AST, alike: dict[str, list[str]]) -> Iterator[ast.expr]:
    match node:
        case ast.BinOp(left, op, right):
            if type(op) in SWAPPED:
                yield ast.BinOp(left, SWAPPED[type(op)](), right)
            yield left  # a term, a factor or a power is forgotten
            if isinstance(op, ast.Add | ast.Mult):
                yield right
        case ast.UnaryOp(ast.USub(), operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Subscript(value, index, ast.Load()):
            yield from (ast.Subscript(value, i, ast.Load()) for i in _shifted(index))
        case ast.Call(ast.Attribute(value, name), arguments):
            yield from _other_calls(node, value, name, arguments)
        case ast.Compare(left, [op], right) if type(op) in LIMITS:
            yield ast.Compare(left, [LIMITS[type(op)]()], right)
        case ast.Constant(bool()):
            pass
        case ast.Constant(int() | float() as number):
            yield ast.Constant(number + 1)
        case ast.Name(name, ast.Load()):
            yield from (ast.Name(other, ast.Load()) for other in alike.get(name, []))


def _shifted(index: ast.expr) -> Iterator[ast.expr]:
    """t -> t - 1, t + 1.  A written number is changed as a constant; a slice by its ends."""
    if isinstance(index, ast.Name | ast.BinOp | ast.Attribute):
        yield ast.BinOp(index, ast.Sub(), ast.Constant(1))
        yield ast.BinOp(index, ast.Add(), ast.Constant(1))


def _other_calls(call: ast.Call, value: ast.expr, name: str, arguments: list[ast.expr]) -> Iterator[ast.expr]:
    of_a_module = isinstance(value, ast.Name) and value.id in ("torch", "math", "F", "np")
    if name in DROPPED:
        if not of_a_module:
            yield value
        elif arguments:
            yield arguments[0]
    if name in RENAMED:
        yield ast.Call(ast.Attribute(value, RENAMED[name], ast.Load()), arguments, call.keywords)


def _compiled(tree: ast.Module, place: int, new: ast.expr, reference: Callable[..., Any]) -> Callable[..., Any]:
    """The function with the node at this place of the walk replaced."""
    changed = copy.deepcopy(tree)
    target = next(n for i, n in enumerate(ast.walk(changed)) if i == place)

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            return copy.deepcopy(new) if node is target else self.generic_visit(node)

    module = ast.fix_missing_locations(Replace().visit(changed))
    names = dict(reference.__globals__)
    exec(compile(module, f"<mutant of {reference.__name__}>", "exec"), names)  # noqa: S102  our own source
    function: Callable[..., Any] = names[reference.__name__]
    return function


def _in_place(reference: Callable[..., Any]) -> Iterator[Mutant]:
    """The right value, but an argument is not what it was."""
    for place, name in enumerate(inspect.signature(reference).parameters):

        @functools.wraps(reference)
        def spoiling(*args: Any, place: int = place) -> Any:
            value = reference(*args)
            spoilt = args[place]
            if isinstance(spoilt, torch.Tensor) and not (spoilt.is_leaf and spoilt.requires_grad):
                spoilt.detach().add_(1)
            return value

        yield Mutant(f"adds 1 to {name} in place", spoiling)
