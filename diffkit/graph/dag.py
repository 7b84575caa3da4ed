"""Directed acyclic graphs, and the factorization that such a graph stands for.

A graph is a `networkx.DiGraph` whose nodes are variable names.  An arrow a -> b says that b depends on a; the
joint density is then the product of one factor per node, p(node | its parents).  What the graph says lies in
the arrows that are missing: each one removes a variable from behind a bar.

Source: Bishop 2006, section 8.1, eq. 8.5.
"""

import re
from collections.abc import Callable, Iterable, Mapping

import networkx as nx
from torch import Tensor

from diffkit.errors import DiffkitError

Nodes = str | Iterable[str]
Graph = nx.DiGraph  # for annotations where networkx itself is not imported


class GraphError(DiffkitError):
    """A graph with a cycle, a name that it does not have, or names that do not fit a question."""


def dag(text: str) -> nx.DiGraph:
    """The graph written in arrows: "c -> a, c -> b" or "a -> c <- b"; a name alone is a node without arrows.

    Names are letters, digits and underscores.  Raises GraphError for a name of another form and for a cycle.
    """
    graph = nx.DiGraph()
    for clause in re.split(r"[,;\n]", text):
        names = [name.strip() for name in re.split(r"->|<-", clause)]
        arrows = re.findall(r"->|<-", clause)
        if names == [""]:
            continue
        for name in names:
            if not name.isidentifier():
                raise GraphError(f"{name!r} in {clause.strip()!r} is no name: write arrows like 'a -> c <- b'")
        graph.add_nodes_from(names)
        for left, arrow, right in zip(names, arrows, names[1:], strict=False):
            graph.add_edge(*((left, right) if arrow == "->" else (right, left)))
    return checked(graph)


def checked(graph: nx.DiGraph) -> nx.DiGraph:
    """The same graph, after checking that it is directed, has no cycle, and that its nodes are names."""
    if not isinstance(graph, nx.DiGraph) or graph.is_multigraph():
        raise GraphError(f"a graph is needed, this is a {type(graph).__name__}: build one with dag('a -> b')")
    if not graph or not all(isinstance(node, str) for node in graph):
        raise GraphError("the graph needs at least one node, and every node needs a name (a str)")
    if not nx.is_directed_acyclic_graph(graph):
        cycle = " -> ".join([edge[0] for edge in nx.find_cycle(graph)])
        raise GraphError(f"{cycle} -> .. runs in a circle: remove one arrow, no variable can be its own ancestor")
    return graph


def order(graph: nx.DiGraph) -> tuple[str, ...]:
    """The nodes, parents before children; where the arrows leave a choice, as they were added."""
    position = {node: i for i, node in enumerate(checked(graph))}
    return tuple(nx.lexicographical_topological_sort(graph, key=position.__getitem__))


def parents(graph: nx.DiGraph, node: str) -> tuple[str, ...]:
    """The parents of a node, in the graph's order."""
    node_set(graph, node)
    return tuple(n for n in order(graph) if graph.has_edge(n, node))


def factors(graph: nx.DiGraph) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """One (node, parents) per factor of the joint density, in the graph's order."""
    rank = {node: i for i, node in enumerate(order(graph))}
    return tuple((node, tuple(sorted(graph.predecessors(node), key=rank.__getitem__))) for node in rank)


def factorization(graph: nx.DiGraph, letter: str = "p") -> str:
    """The joint density as text, such as "p(a) p(b|a)".  Bishop 2006, eq. 8.5."""
    return " ".join(f"{letter}({node}{'|' if above else ''}{','.join(above)})" for node, above in factors(graph))


def latex(graph: nx.DiGraph, letter: str = "p") -> str:
    r"""The joint density as LaTeX, such as "p(a)\,p(b \mid a)".  x3 and x_3 become x_{3}."""
    terms = []
    for node, above in factors(graph):
        bar = r" \mid " if above else ""
        terms.append(f"{letter}({_latex_name(node)}{bar}{', '.join(map(_latex_name, above))})")
    return r"\,".join(terms)


def log_joint(graph: nx.DiGraph, conditionals: Mapping[str, Callable[..., Tensor]]) -> Callable[..., Tensor]:
    """The factorization as a function: log p(all nodes) = sum over nodes of log p(node | parents), in nats.

    conditionals[node](value, *parents) returns log p(value | parents), the parents in the order of `parents`.
    The function that comes back takes one keyword per node; values may have any shapes that broadcast together.
    """
    terms = factors(graph)
    same_names("conditionals", conditionals, graph)

    def log_p(**values: Tensor) -> Tensor:
        same_names("values", values, graph)
        first, *rest = (conditionals[node](values[node], *(values[u] for u in above)) for node, above in terms)
        return sum(rest, start=first)

    return log_p


def node_set(graph: nx.DiGraph, nodes: Nodes) -> set[str]:
    """One name or several as a set, after checking that the graph has them."""
    names = {nodes} if isinstance(nodes, str) else set(nodes)
    unknown = sorted(map(str, names - set(graph)))
    if unknown:
        raise GraphError(f"{', '.join(unknown)}: not in this graph, which has {', '.join(graph)}")
    return names


def same_names(what: str, names: Iterable[str], wanted: Iterable[str]) -> None:
    """Raise GraphError unless both hold the same names; the message lists the differences."""
    names, wanted = set(names), set(wanted)
    if names != wanted:
        missing, extra = sorted(map(str, wanted - names)), sorted(map(str, names - wanted))
        raise GraphError(f"{what}: missing {missing or 'nothing'}, unknown {extra or 'nothing'}; give one per node")


def _latex_name(name: str) -> str:
    stem, digits = re.fullmatch(r"(.*?)_?(\d*)", name).groups()  # type: ignore[union-attr]  # matches any name
    stem = stem.replace("_", r"\_")
    head = stem if len(stem) == 1 else rf"\mathrm{{{stem}}}"
    return f"{head}_{{{digits}}}" if digits and stem else head if stem else name
