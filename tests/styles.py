"""The same right answer in another style: made by machine from any reference, as `mutants` makes wrong ones.

Each style changes how a function is written and, at most, how its last digits are rounded.  A check that refuses one
of them refuses somebody's right answer.
"""

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from grader.answer import Counter

Function = Callable[..., Any]


def mapped(change: Callable[[Tensor], Any], value: Any) -> Any:
    """The value with every floating tensor in it changed, and what served functions give changed, too."""
    if isinstance(value, Tensor):
        return change(value) if value.is_floating_point() else value
    if isinstance(value, list | tuple):
        return type(value)(mapped(change, v) for v in value)
    if isinstance(value, Counter):
        return lambda *args: mapped(change, value(*args))
    return value


def in_float64(reference: Function) -> Function:
    """Everything is computed in float64, and the result stays there."""
    return lambda *args: reference(*(mapped(Tensor.double, a) for a in args))


def back_in(expected: Any) -> Callable[[Function], Function]:
    """Everything is computed in float64; only the result goes back to the dtypes of what is expected."""

    def cast(value: Any, like: Any) -> Any:
        if isinstance(value, tuple | list):
            return tuple(cast(v, w) for v, w in zip(value, like, strict=True))
        return value.to(like.dtype) if isinstance(value, Tensor) else value

    return lambda reference: lambda *args: cast(in_float64(reference)(*args), expected)


def with_numbers_in_32_bits(reference: Function) -> Function:
    """Every number among the arguments goes through `torch.tensor(number)`, which keeps 32 bits of it."""
    return lambda *args: reference(*(float(torch.tensor(a)) if type(a) is float else a for a in args))


def on_own_copies(reference: Function) -> Function:
    """Works on copies and spoils them in the end, as somebody does who computes in place."""

    def answer(*args: Any) -> Any:
        copies = [mapped(Tensor.clone, a) for a in args]
        value = mapped(Tensor.clone, reference(*copies))
        if not any(isinstance(a, Tensor) and a.requires_grad for a in args):  # else backward needs them
            for copy in copies:
                mapped(lambda v: v.fill_(torch.nan), copy)
        return value

    return answer


def otherwise_laid_out(reference: Function) -> Function:
    """The result lies in memory with a gap after every number."""

    def spread(value: Tensor) -> Tensor:
        return torch.stack([value, value], dim=-1)[..., 0]

    return lambda *args: mapped(spread, reference(*args))


def as_other_kinds(reference: Function) -> Function:
    """A number where there was a tensor without axes, a tensor where there was a number, a list for a tuple."""

    def other(value: Any) -> Any:
        if isinstance(value, tuple | list):
            return [other(v) for v in value]
        if isinstance(value, Tensor) and value.ndim == 0 and not value.requires_grad:
            return value.item()
        return torch.tensor(value) if isinstance(value, bool | int | float) else value

    return lambda *args: other(reference(*args))


def elsewhere(reference: Function, device: torch.device) -> Function:
    """Everything is computed on another device, and the result stays there.  Given functions are asked on the CPU."""
    return lambda *args: reference(*(moved(a, device) for a in args))


def sent_elsewhere(reference: Function, device: torch.device) -> Function:
    """Computed where the arguments are; only the result goes to another device."""
    return lambda *args: moved(reference(*args), device)


def moved(value: Any, device: torch.device) -> Any:
    """The value with every tensor in it on the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, list | tuple):
        return type(value)(moved(v, device) for v in value)
    if isinstance(value, Counter):
        return lambda *args: moved(value(*(moved(a, torch.device("cpu")) for a in args)), device)
    return value


def one_at_a_time(reference: Function, axes: dict[str, int]) -> Function:
    """A loop over the examples.  axes: for each argument that has one entry per example, along which axis."""
    names = list(inspect.signature(reference).parameters)

    def answer(*args: Any) -> Any:
        given = dict(zip(names, args, strict=True))
        count = max(given[n].shape[axis] for n, axis in axes.items())
        rows = [reference(*(_row(given[n], axes.get(n), i) for n in names)) for i in range(count)]
        return tuple(map(torch.cat, zip(*rows, strict=True))) if isinstance(rows[0], tuple) else torch.cat(rows)

    return answer


def _row(value: Any, axis: int | None, i: int) -> Any:
    return value if axis is None else value.narrow(axis, i, 1)


class Rewrite(ast.NodeTransformer):
    """Another way to write each operation, equal in exact arithmetic."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.BinOp(left, ast.Div(), right):
                return ast.BinOp(left, ast.Mult(), ast.BinOp(ast.Constant(1), ast.Div(), right))
            case ast.BinOp(left, ast.Sub(), right):
                return ast.BinOp(ast.UnaryOp(ast.USub(), right), ast.Add(), left)
            case ast.BinOp(ast.Name() as root, ast.Pow(), ast.Constant(2)):
                return ast.BinOp(root, ast.Mult(), root)
            case ast.BinOp(left, ast.Mult() as op, right):
                return ast.BinOp(right, op, left)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Attribute(ast.Name("torch"), "cumprod"), [factors, *_]):
                return _called("exp", _called("cumsum", _called("log", factors), ast.Constant(0)))
            case ast.Call(ast.Attribute(ast.Name("torch"), "where"), [condition, yes, no]):
                return _called("where", _called("logical_not", condition), no, yes)
            case ast.Call(ast.Attribute(value, "sqrt"), []):
                return ast.BinOp(value, ast.Pow(), ast.Constant(0.5))
            case ast.Call(ast.Attribute(value, "unsqueeze"), [ast.Constant(1)]):
                index = ast.Tuple([ast.Slice(), ast.Constant(None)], ast.Load())
                return ast.Subscript(value, index, ast.Load())
        return node


def _called(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Name("torch", ast.Load()), name, ast.Load()), list(args), [])


class Einsum(ast.NodeTransformer):
    """Products as einsum, sums over the coordinates as matrix products."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Mult):
            return ast.Call(ast.Name("einsum_product", ast.Load()), [node.left, node.right], [])
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Attribute(value, "sum"), [ast.Constant(1)], []):
                return ast.Call(ast.Name("matmul_sum", ast.Load()), [value], [])
        return node


def einsum_product(a: Any, b: Any) -> Any:
    """a * b, by einsum where both are tensors of one dtype."""
    alike = isinstance(a, Tensor) and isinstance(b, Tensor) and a.dtype == b.dtype and a.is_floating_point()
    return torch.einsum("...,...->...", a, b) if alike else a * b


def matmul_sum(x: Tensor) -> Tensor:
    """x.sum(1) as a product with ones."""
    return x.movedim(1, -1) @ torch.ones(x.shape[1], dtype=x.dtype)


@functools.cache
def rewritten(reference: Function, way: type[ast.NodeTransformer] = Rewrite) -> Function:
    """Every operation of the function's own lines written in another way."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(reference)))
    module = ast.fix_missing_locations(way().visit(tree))
    names = {**reference.__globals__, "einsum_product": einsum_product, "matmul_sum": matmul_sum}
    exec(compile(module, f"<rewritten {reference.__name__}>", "exec"), names)  # noqa: S102  our own source
    return names[reference.__name__]
