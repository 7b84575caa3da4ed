"""Graphical models: factorization, d-separation, joint tables, linear-Gaussian networks."""

from diffkit.graph import examples
from diffkit.graph.dag import Graph, GraphError, dag, factorization, factors, latex, log_joint, order, parents
from diffkit.graph.independence import Contradiction, IMap, Independence, imap, independent
from diffkit.graph.linear import GaussianJoint, linear_gaussian
from diffkit.graph.separation import Path, Step, active_paths, d_separated, droppable, markov_blanket, paths
from diffkit.graph.tables import Joint, joint, random_tables

__all__ = [
    "Contradiction",
    "GaussianJoint",
    "Graph",
    "GraphError",
    "IMap",
    "Independence",
    "Joint",
    "Path",
    "Step",
    "active_paths",
    "d_separated",
    "dag",
    "droppable",
    "examples",
    "factorization",
    "factors",
    "imap",
    "independent",
    "joint",
    "latex",
    "linear_gaussian",
    "log_joint",
    "markov_blanket",
    "order",
    "parents",
    "paths",
    "random_tables",
]
