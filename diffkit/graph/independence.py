"""Does a distribution with numbers in it obey the independences that a graph claims?

Works on discrete tables (`Joint`) and on Gaussians (`GaussianJoint`) alike.
"""

from typing import NamedTuple, Protocol

import networkx as nx
from torch import Tensor

from diffkit.graph.dag import Nodes, factors, same_names


class Measurable(Protocol):
    """A joint distribution with named variables: `Joint` or `GaussianJoint`."""

    @property
    def names(self) -> tuple[str, ...]: ...
    def information(self, a: Nodes, b: Nodes, given: Nodes = ()) -> Tensor: ...
    def deviation(self, a: Nodes, b: Nodes, given: Nodes = ()) -> Tensor: ...


class Independence(NamedTuple):
    """holds: deviation <= tol.  deviation: see the joint's own method; nats: mutual information."""

    holds: bool
    deviation: float
    nats: float


class Contradiction(NamedTuple):
    """The graph has no arrow parent -> node, yet parent tells `nats` about node beyond what `given` tells."""

    parent: str
    node: str
    given: tuple[str, ...]
    nats: float

    def __str__(self) -> str:
        known = f" given {', '.join(self.given)}" if self.given else ""
        return f"{self.node} depends on {self.parent}{known} ({self.nats:.3g} nats), but no arrow joins them"


class IMap(NamedTuple):
    """holds: the joint factorizes by the graph.  nats: KL(joint || best factorization) = sum of the parts."""

    holds: bool
    nats: float
    contradictions: tuple[Contradiction, ...]


def independent(joint: Measurable, a: Nodes, b: Nodes, given: Nodes = (), *, tol: float = 1e-9) -> Independence:
    """Are a and b independent given the others, in this very distribution?

    For tables the deviation is the largest |p(a, b | c) - p(a | c) p(b | c)|; for Gaussians the largest
    partial correlation.  Raises GraphError for unknown or repeated names.
    """
    deviation = float(joint.deviation(a, b, given))
    return Independence(deviation <= tol, deviation, float(joint.information(a, b, given)))


def imap(graph: nx.DiGraph, joint: Measurable, *, tol: float = 1e-9) -> IMap:
    """Does the joint factorize by the graph, so that the graph is its independence map?  If not, where not?

    The joint factorizes exactly when each node is independent of the earlier nodes given its parents, and
        KL( joint || prod_v p(v | parents) ) = sum_v I(v; earlier nodes | parents).
    Each summand is split by the chain rule of information over the missing arrows, the most telling one
    first, so that a node which only stands in for the true parent is not blamed.  tol: nats below which a
    part counts as 0.
    """
    same_names("the joint's variables", joint.names, graph)
    found: list[Contradiction] = []
    total, earlier = 0.0, set[str]()
    for node, above in factors(graph):
        known, open_question = above, earlier - set(above)
        while open_question:
            gains = {u: float(joint.information(node, u, known)) for u in sorted(open_question)}
            best = max(gains, key=gains.__getitem__)
            total += gains[best]
            if gains[best] > tol:
                found.append(Contradiction(best, node, known, gains[best]))
            known, open_question = (*known, best), open_question - {best}
        earlier.add(node)
    found.sort(key=lambda c: -c.nats)
    return IMap(not found, total, tuple(found))
