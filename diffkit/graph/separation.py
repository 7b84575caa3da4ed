"""What the arrows alone tell: which variables cannot carry news to which, whatever the numbers are.

News travels along paths, against or with the arrows.  At each inner node of a path one rule decides:
a chain (-> c ->) or a fork (<- c ->) lets news pass unless c is observed; a collider (-> c <-) stops it
unless c, or something that c leads to, is observed.  A path is active when all of its inner nodes let news
pass.  Two variables are d-separated when no path between them is active, and then they are independent in
every distribution of the graph.

Source: Pearl 1988; Bishop 2006, section 8.2.2.
"""

from itertools import pairwise
from typing import Literal, NamedTuple

import networkx as nx

from diffkit.graph.dag import GraphError, Nodes, checked, node_set, order

Kind = Literal["chain", "fork", "collider"]


class Step(NamedTuple):
    """One inner node of a path: does it let news pass, and why."""

    node: str
    kind: Kind
    open: bool
    reason: str


class Path(NamedTuple):
    """A path between two nodes.  nodes: both ends and all between; steps: one per inner node."""

    nodes: tuple[str, ...]
    text: str
    steps: tuple[Step, ...]

    @property
    def active(self) -> bool:
        """True when every inner node lets news pass."""
        return all(step.open for step in self.steps)


def d_separated(graph: nx.DiGraph, x: Nodes, y: Nodes, given: Nodes = ()) -> bool:
    """True when the graph alone makes x and y independent given the observed nodes.

    Each is a name or several.  Raises GraphError for a cycle, an unknown name, or a name in two of the three places.
    """
    a, b, c = _three_sets(graph, x, y, given)
    return bool(nx.is_d_separator(graph, a, b, c))


def paths(graph: nx.DiGraph, x: str, y: str, given: Nodes = ()) -> list[Path]:
    """Every path between x and y that visits no node twice, shortest first, with its reasons.

    Their number grows exponentially with the graph: this is for graphs that one can draw.
    """
    ends = _three_sets(graph, x, y, given)
    if not (isinstance(x, str) and isinstance(y, str)):
        raise GraphError("a path runs between two nodes: pass one name at each end")
    observed = ends[2]
    found = sorted(nx.all_simple_paths(graph.to_undirected(as_view=True), x, y), key=len)
    return [_path(graph, tuple(nodes), observed) for nodes in found]


def active_paths(graph: nx.DiGraph, x: str, y: str, given: Nodes = ()) -> list[Path]:
    """The paths along which news still passes.  Empty exactly when x and y are d-separated."""
    return [path for path in paths(graph, x, y, given) if path.active]


def markov_blanket(graph: nx.DiGraph, node: str) -> tuple[str, ...]:
    """Parents, children and the children's other parents: given these, no other node tells anything."""
    node_set(checked(graph), node)
    children = set(graph.successors(node))
    mates = {parent for child in children for parent in graph.predecessors(child)}
    blanket = (set(graph.predecessors(node)) | children | mates) - {node}
    return tuple(n for n in order(graph) if n in blanket)


def droppable(graph: nx.DiGraph, x: Nodes, given: Nodes) -> tuple[str, ...]:
    """The conditioning variables that the graph lets one drop, all together: p(x | given) = p(x | rest).

    In the diffusion chain q(x3 | x2, x0) may drop x0, and q(x2 | x3, x0) may drop nothing.
    Testing each variable alone, given all the others, is enough: d-separation has the intersection property,
    so variables that may go one by one may go together (Pearl 1988, theorem 11).
    """
    a, _, observed = _three_sets(graph, x, (), given)
    return tuple(n for n in order(graph) if n in observed and nx.is_d_separator(graph, a, {n}, observed - {n}))


def _path(graph: nx.DiGraph, nodes: tuple[str, ...], observed: set[str]) -> Path:
    arrows = ["->" if graph.has_edge(u, v) else "<-" for u, v in pairwise(nodes)]
    text = nodes[0] + "".join(f" {arrow} {node}" for arrow, node in zip(arrows, nodes[1:], strict=True))
    inner = zip(nodes[1:-1], arrows[:-1], arrows[1:], strict=True)
    return Path(nodes, text, tuple(_step(graph, node, left, right, observed) for node, left, right in inner))


def _step(graph: nx.DiGraph, node: str, left: str, right: str, observed: set[str]) -> Step:
    """left and right: the arrows before and after the node, in reading direction."""
    if (left, right) == ("->", "<-"):
        seen = [n for n in order(graph) if n in observed & (nx.descendants(graph, node) | {node})]
        if not seen:
            return Step(node, "collider", False, f"collider {node} is unobserved, as is all below it: it blocks")
        which = f"{node} is observed" if node in seen else f"{seen[0]}, which {node} leads to, is observed"
        return Step(node, "collider", True, f"collider {node} is open, because {which}")
    kind: Kind = "fork" if (left, right) == ("<-", "->") else "chain"
    if node in observed:
        return Step(node, kind, False, f"{kind} at {node} is blocked, because {node} is observed")
    return Step(node, kind, True, f"{kind} at {node} is open, because {node} is not observed")


def _three_sets(graph: nx.DiGraph, x: Nodes, y: Nodes, given: Nodes) -> tuple[set[str], set[str], set[str]]:
    checked(graph)
    a, b, c = node_set(graph, x), node_set(graph, y), node_set(graph, given)
    twice = sorted((a & b) | (a & c) | (b & c))
    if twice:
        raise GraphError(f"{', '.join(twice)} stands in two places: the three sets of nodes must not overlap")
    if not a:
        raise GraphError("no node to ask about: name at least one")
    return a, b, c
