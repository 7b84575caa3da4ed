"""Random graphs and questions about them, for the property tests of `diffkit.graph`."""

import random
from itertools import combinations

import networkx as nx
from hypothesis import strategies as st

from tests import properties  # noqa: F401  # no time limit

Question = tuple[nx.DiGraph, str, str, set[str]]


def random_dag(rng: random.Random, n: int, density: float = 0.5) -> nx.DiGraph:
    """n nodes; each of the arrows that a hidden order allows is there with this probability."""
    names = [f"v{i}" for i in range(n)]
    graph = nx.DiGraph()
    graph.add_nodes_from(rng.sample(names, n))
    hidden = rng.sample(names, n)
    graph.add_edges_from(edge for edge in combinations(hidden, 2) if rng.random() < density)
    return graph


def random_tree(rng: random.Random, n: int) -> nx.DiGraph:
    """n nodes, one path between any two, arrows at random: here one node decides whether news passes."""
    graph = nx.DiGraph()
    names = rng.sample([f"v{i}" for i in range(n)], n)
    graph.add_node(names[0])
    for i in range(1, n):
        edge = [names[i], rng.choice(names[:i])]
        graph.add_edge(*(edge if rng.random() < 0.5 else reversed(edge)))
    return graph


def random_question(rng: random.Random, max_nodes: int = 6) -> Question:
    """A graph, two of its nodes, and some of the others as observed."""
    n = rng.randint(2, max_nodes)
    graph = random_tree(rng, n) if rng.random() < 0.5 else random_dag(rng, n, rng.uniform(0.2, 0.8))
    x, y, *rest = rng.sample(list(graph), len(graph))
    return graph, x, y, {node for node in rest if rng.random() < 0.4}


# A seed and not `st.randoms`: that one likes the numbers 0 and 1, which make poor graphs.
randoms = st.integers(0, 2**32).map(random.Random)
questions = randoms.map(random_question)
dags = randoms.map(lambda rng: random_dag(rng, rng.randint(1, 5)))
