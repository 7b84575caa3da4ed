"""Graphs written as text, their factorization as text, LaTeX and function, and the errors of bad input."""

from contextlib import suppress

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import graph as g
from diffkit.errors import DiffkitError
from diffkit.graph import examples
from tests.random_dags import dags


@pytest.mark.parametrize(
    ("graph", "text"),
    [
        (examples.fork(), "p(c) p(a|c) p(b|c)"),
        (examples.chain(), "p(a) p(c|a) p(b|c)"),
        (examples.collider(), "p(a) p(b) p(c|a,b)"),
        (examples.five_nodes(), "p(x1) p(x2) p(x3) p(x4|x1,x2,x3) p(x5|x1,x3)"),
        (examples.diffusion_chain(3), "p(x0) p(x1|x0) p(x2|x1) p(x3|x2)"),
        (examples.reinforcement_chain(1), "p(s0) p(a0|s0) p(s1|s0,a0)"),
        (examples.reinforcement_chain(2), "p(s0) p(a0|s0) p(s1|s0,a0) p(a1|s1) p(s2|s1,a1)"),
    ],
)
def test_the_examples_factorize_as_in_the_lecture(graph, text):
    assert g.factorization(graph) == text


def test_latex_has_subscripts_bars_and_upright_long_names():
    graph = g.dag("x_0 -> x1, rain -> x1")
    assert g.latex(graph, "q") == r"q(x_{0})\,q(\mathrm{rain})\,q(x_{1} \mid x_{0}, \mathrm{rain})"


def test_text_arrows_may_point_both_ways_and_a_lone_name_is_a_node():
    graph = g.dag("a -> c <- b; d")
    assert set(graph.edges) == {("a", "c"), ("b", "c")}
    assert set(graph) == {"a", "b", "c", "d"}


@given(dags)
def test_order_puts_every_parent_before_its_children(graph):
    rank = {node: i for i, node in enumerate(g.order(graph))}
    assert sorted(rank) == sorted(graph)
    assert all(rank[u] < rank[v] for u, v in graph.edges)


@given(dags)
def test_text_of_a_graph_can_be_read_back(graph):
    arrows = ", ".join([*graph, *(f"{u} -> {v}" for u, v in graph.edges)])
    assert nx.utils.graphs_equal(g.dag(arrows), graph)


@given(dags, st.integers(0, 2**31))
def test_factorization_as_a_function_is_the_log_of_the_joint_table(graph, seed):
    tables = g.random_tables(graph, 2, generator=torch.Generator().manual_seed(seed))
    joint = g.joint(graph, tables)
    log_p = g.log_joint(graph, {n: _look_up(table) for n, table in tables.items()})
    index = torch.cartesian_prod(*[torch.arange(2)] * len(graph)).reshape(-1, len(graph))
    values = {name: index[:, i] for i, name in enumerate(joint.names)}
    torch.testing.assert_close(log_p(**values).exp(), joint.p[tuple(index.T)], rtol=1e-12, atol=0)


def _look_up(table):
    return lambda value, *parents: table[(*parents, value)].log()


def test_a_factorization_of_densities_takes_any_tensors():
    normal = torch.distributions.Normal
    log_p = g.log_joint(
        g.dag("a -> b"),
        {"a": normal(torch.zeros(()), 1.0).log_prob, "b": lambda b, a: normal(2 * a, 1.0).log_prob(b)},
    )
    a, b = torch.randn(4, 1), torch.randn(3)
    assert log_p(a=a, b=b).shape == (4, 3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a -> b -> a", "circle"),
        ("a -> a", "circle"),
        ("", "at least one node"),
        ("a -> ", "no name"),
        ("a - > b", "no name"),
        ("p(a) -> b", "no name"),
    ],
)
def test_text_that_is_no_graph_is_refused(text, words):
    with pytest.raises(g.GraphError, match=words):
        g.dag(text)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (nx.Graph([("a", "b")]), "dag"),
        (nx.MultiDiGraph([("a", "b")]), "dag"),
        (nx.DiGraph([(1, 2)]), "name"),
        (nx.DiGraph([("a", "b"), ("b", "a")]), "circle"),
    ],
)
def test_a_graph_of_another_kind_is_refused(graph, words):
    with pytest.raises(g.GraphError, match=words):
        g.factorization(graph)


def test_unknown_and_missing_nodes_are_named():
    with pytest.raises(g.GraphError, match="z: not in this graph, which has c, a, b"):
        g.parents(examples.fork(), "z")
    with pytest.raises(g.GraphError, match=r"missing \['b'\], unknown \['d'\]"):
        g.log_joint(g.dag("a -> b"), {"a": torch.log, "d": torch.log})
    log_p = g.log_joint(g.dag("a"), {"a": torch.log})
    with pytest.raises(g.GraphError, match="values: missing"):
        log_p()
    with pytest.raises(DiffkitError, match="at least one step"):
        examples.diffusion_chain(0)
    with pytest.raises(DiffkitError, match="at least one step"):
        examples.reinforcement_chain(0)


@given(st.text(max_size=20))
def test_any_text_gives_a_graph_or_our_error(text):
    with suppress(g.GraphError):
        assert nx.is_directed_acyclic_graph(g.dag(text))
