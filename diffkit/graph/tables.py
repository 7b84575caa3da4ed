"""Discrete distributions as tables with named axes: joint, marginal, conditional, mutual information.

A joint over n variables is a tensor with n axes, one per variable; entry [i, j, ..] is p(first = i, second = j, ..).
A conditional table p(node | parents) has the parents' axes first, in the graph's order, and the node's own axis last,
so that its last axis sums to 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.graph.dag import GraphError, Nodes, factors, same_names
from diffkit.graph.names import as_names, check_names, positions

SUM_TOL = 1e-6  # a float32 table whose rows were divided by their sum misses 1 by about 1e-7


@dataclass(frozen=True, eq=False)
class Joint:
    """p(names), one axis per name.  p: non-negative, summing to 1; kept in float64."""

    names: tuple[str, ...]
    p: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", check_names(self.names))
        if self.p.ndim != len(self.names):
            raise ShapeError(f"p has shape {tuple(self.p.shape)}, the names are {self.names}: one axis per name")
        object.__setattr__(self, "p", _normalised(self.p, "the joint", axes=None))

    def marginal(self, keep: Nodes) -> "Joint":
        """p(keep), axes in the order of keep: all the other variables are summed over."""
        names = as_names(keep)
        axes = positions(self.names, names)
        gone = [i for i in range(len(self.names)) if i not in axes]
        kept = self.p.sum(gone) if gone else self.p
        rank = [sorted(axes).index(i) for i in axes]
        return Joint(names, kept.permute(rank))

    def conditional(self, x: Nodes, given: Nodes = ()) -> Tensor:
        """p(x | given) with the axes of given first, then those of x.

        Where the condition has probability 0 any row would do, since nothing ever reads it; it is uniform here.
        """
        names, above = as_names(x), as_names(given)
        if not names:
            raise GraphError("a conditional distribution of nothing: name at least one variable before the bar")
        p = self.marginal(above + names).p.flatten(len(above))
        total = p.sum(-1, keepdim=True)
        rows = torch.where(total > 0, p / total.where(total > 0, 1), 1 / p.shape[-1])
        return rows.reshape([self.size(n) for n in above + names])

    def condition(self, values: Mapping[str, int]) -> "Joint":
        """The distribution of the other variables, once these are seen.  RangeError if that cannot happen."""
        positions(self.names, values)
        for name, value in values.items():
            if not 0 <= value < self.size(name):
                raise RangeError(f"{name} = {value}: this variable takes the values 0..{self.size(name) - 1}")
        rest = tuple(n for n in self.names if n not in values)
        p = self.p[tuple(values.get(name, slice(None)) for name in self.names)]
        if not bool(p.sum() > 0):
            raise RangeError(f"{dict(values)} has probability 0: nothing can be conditioned on it")
        return Joint(rest, p / p.sum())

    def size(self, name: str) -> int:
        """How many values a variable takes."""
        return int(self.p.shape[positions(self.names, [name])[0]])

    def information(self, a: Nodes, b: Nodes, given: Nodes = ()) -> Tensor:
        """Conditional mutual information I(a; b | given) in nats, a scalar; 0 exactly when independent."""
        p = self._three_axes(a, b, given)
        product = p.sum(1, keepdim=True) * p.sum(0, keepdim=True)  # p(a, c) p(b, c)
        both = p > 0
        ratio = torch.where(both, p * p.sum((0, 1)), 1) / torch.where(both, product, 1)
        return (p * torch.log(ratio)).sum().clamp(min=0)

    def deviation(self, a: Nodes, b: Nodes, given: Nodes = ()) -> Tensor:
        """Largest |p(a, b | given) - p(a | given) p(b | given)| over all values that can occur, a scalar."""
        p = self._three_axes(a, b, given)
        p_c = p.sum((0, 1))
        q = p[..., p_c > 0] / p_c[p_c > 0]
        return (q - q.sum(1, keepdim=True) * q.sum(0, keepdim=True)).abs().amax()

    def _three_axes(self, a: Nodes, b: Nodes, given: Nodes) -> Tensor:
        """The table as (values of a, values of b, values of given)."""
        groups = [as_names(a), as_names(b), as_names(given)]
        check_names(sum(groups, ()))
        p = self.marginal(sum(groups, ())).p
        sizes = [int(torch.tensor([self.size(n) for n in group]).prod()) for group in groups]
        return p.reshape(sizes)


def joint(graph: nx.DiGraph, tables: Mapping[str, Tensor]) -> Joint:
    """The joint distribution of a graph: the product of its conditional tables.  Bishop 2006, eq. 8.5.

    tables[node]: (size of parent 1, .., size of parent k, size of node), the parents as `parents(graph, node)` lists
    them.  Raises GraphError for missing or unknown nodes, ShapeError for axes that do not fit, RangeError for rows that
    do not sum to 1.
    """
    same_names("tables", tables, graph)
    if len({table.device for table in tables.values()}) > 1:
        raise RangeError("the tables lie on several devices: move them to one, e.g. with .cpu()")
    terms = factors(graph)
    names = tuple(node for node, _ in terms)
    sizes = [int(tables[name].shape[-1]) if tables[name].ndim else 0 for name in names]
    p = torch.ones([1] * len(names), dtype=torch.float64, device=tables[names[0]].device)
    for node, above in terms:
        axes = positions(names, (*above, node))
        wanted = tuple(sizes[i] for i in axes)
        if tuple(tables[node].shape) != wanted or 0 in wanted:
            raise ShapeError(
                f"the table of {node} is {tuple(tables[node].shape)}, the others ask for {wanted}: "
                f"its axes are {', '.join((*above, node))}, the node's own last"
            )
        rows = _normalised(tables[node], f"the table of {node}", axes=-1)
        p = p * _spread(rows, axes, len(names))
    return Joint(names, p)


def random_tables(
    graph: nx.DiGraph, sizes: int | Mapping[str, int] = 2, *, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Random conditional tables for a graph, each row uniform over all distributions (Dirichlet of ones)."""
    size = dict.fromkeys(graph, sizes) if isinstance(sizes, int) else sizes
    same_names("sizes", size, graph)
    out = {}
    for node, above in factors(graph):
        shape = [size[n] for n in (*above, node)]
        device = generator.device if generator is not None else "cpu"
        rows = torch.empty(shape, dtype=torch.float64, device=device).exponential_(generator=generator)
        out[node] = rows / rows.sum(-1, keepdim=True)
    return out


def _spread(table: Tensor, axes: list[int], n: int) -> Tensor:
    """The table with its axes at these places among n, which ascend, and size 1 elsewhere."""
    shape = [1] * n
    for place, size in zip(axes, table.shape, strict=True):
        shape[place] = size
    return table.reshape(shape)


def _normalised(p: Tensor, what: str, axes: int | None) -> Tensor:
    if p.is_complex() or p.numel() == 0:
        raise RangeError(f"{what} is {p.dtype} of shape {tuple(p.shape)}: pass real probabilities, at least one")
    p = p.double()
    total = p.sum() if axes is None else p.sum(axes, keepdim=True)
    if not bool(torch.isfinite(p).all()) or bool((p < 0).any()):
        raise RangeError(f"{what} holds values that are negative or not finite: probabilities are 0..1")
    worst = float((total - 1).abs().max())
    if worst > SUM_TOL:
        raise RangeError(
            f"{what} misses the sum 1 by {worst:.3g}: divide it by its sum (a table: row by row, last axis)"
        )
    return p / total
