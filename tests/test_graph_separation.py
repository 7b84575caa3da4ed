"""d-separation, paths and blankets against independent definitions, by enumeration on random graphs."""

import random
from itertools import chain, combinations

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from diffkit import graph as g
from diffkit.graph import examples
from tests.random_dags import questions, random_question


def separated_in_moral_ancestral_graph(graph, x, y, observed):
    """Lauritzen's criterion: keep ancestors, marry parents, drop arrows, cut what is observed."""
    keep = {x, y, *observed}
    for node in list(keep):
        keep |= nx.ancestors(graph, node)
    moral = nx.Graph()
    moral.add_nodes_from(keep)
    for node in keep:
        above = list(graph.predecessors(node))
        moral.add_edges_from(chain(((u, node) for u in above), combinations(above, 2)))
    moral.remove_nodes_from(observed)
    return not nx.has_path(moral, x, y)


@settings(max_examples=500)
@given(questions)
def test_active_paths_by_enumeration_agree_with_d_separation(question):
    graph, x, y, observed = question
    assert (not g.active_paths(graph, x, y, observed)) == g.d_separated(graph, x, y, observed)


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_a_collider_is_opened_by_any_of_its_descendants(depth):
    graph = g.dag("a -> c0 <- b, c0 -> c1 -> c2 -> c3")
    (path,) = g.paths(graph, "a", "b", f"c{depth}")
    assert path.active
    assert not separated_in_moral_ancestral_graph(graph, "a", "b", {f"c{depth}"})


@settings(max_examples=500)
@given(questions)
def test_d_separation_agrees_with_the_moral_ancestral_graph(question):
    assert g.d_separated(*question) == separated_in_moral_ancestral_graph(*question)


@given(questions, st.integers(0, 2**31))
def test_d_separated_variables_are_independent_in_every_table(question, seed):
    graph, x, y, observed = question
    joint = g.joint(graph, g.random_tables(graph, 2, generator=torch.Generator().manual_seed(seed)))
    if g.d_separated(graph, x, y, observed):
        assert g.independent(joint, x, y, observed, tol=1e-12).holds


def test_connected_variables_are_dependent_for_generic_numbers():
    # Dependence holds for all weights but a set of measure zero; the 200 drawn here are fixed by their seeds.
    for seed in range(200):
        rng = random.Random(seed)
        graph, x, y, observed = random_question(rng)
        weights = {edge: rng.choice([-1, 1]) * rng.uniform(0.5, 1.5) for edge in graph.edges}
        joint = g.linear_gaussian(graph, weights)
        verdict = g.independent(joint, x, y, observed, tol=1e-12)
        assert verdict.holds == g.d_separated(graph, x, y, observed), (seed, verdict)


@given(questions)
def test_given_its_markov_blanket_a_node_is_separated_from_all_the_rest_and_no_smaller_set_does(question):
    graph, x, _, _ = question
    blanket = set(g.markov_blanket(graph, x))
    assert g.d_separated(graph, x, set(graph) - blanket - {x}, blanket)
    for member in blanket:
        smaller = blanket - {member}
        assert not g.d_separated(graph, x, set(graph) - smaller - {x}, smaller)


@given(questions)
def test_droppable_is_the_largest_set_that_may_go_together(question):
    graph, x, y, observed = question
    given_ = observed | {y}
    subsets = chain.from_iterable(combinations(sorted(given_), k) for k in range(len(given_) + 1))
    may_go = [set(s) for s in subsets if g.d_separated(graph, x, s, given_ - set(s))]
    assert set(g.droppable(graph, x, given_)) == max(may_go, key=len)


@given(questions, st.integers(0, 2**31))
def test_dropping_what_may_be_dropped_leaves_the_conditional_distribution_alone(question, seed):
    graph, x, y, observed = question
    given_ = sorted(observed | {y})
    gone = g.droppable(graph, x, given_)
    kept = [n for n in given_ if n not in gone]
    joint = g.joint(graph, g.random_tables(graph, 2, generator=torch.Generator().manual_seed(seed)))
    full = joint.conditional(x, [*gone, *kept])
    torch.testing.assert_close(full, joint.conditional(x, kept).expand_as(full), rtol=1e-9, atol=0)


def test_the_diffusion_chain_drops_the_past_but_never_the_data_behind_a_later_step():
    graph = examples.diffusion_chain(4)
    assert g.droppable(graph, "x3", ["x2", "x0"]) == ("x0",)
    assert g.droppable(graph, "x2", ["x3", "x0"]) == ()
    assert g.droppable(graph, "x2", ["x4", "x3", "x1", "x0"]) == ("x0", "x4")


def test_in_the_reinforcement_chain_the_state_makes_the_future_independent_of_the_past():
    graph = examples.reinforcement_chain(3)
    assert g.d_separated(graph, ["s3", "a2"], ["s1", "a0", "s0"], "s2")
    assert not g.d_separated(graph, "s3", "s1", "a2")
    assert g.droppable(graph, "s2", ["s1", "a1", "a0", "s0"]) == ("s0", "a0")


@pytest.mark.parametrize(
    ("graph", "free", "given_c"),
    [(examples.fork(), False, True), (examples.chain(), False, True), (examples.collider(), True, False)],
)
def test_fork_chain_collider(graph, free, given_c):
    assert g.d_separated(graph, "a", "b") == free
    assert g.d_separated(graph, "a", "b", "c") == given_c


def test_each_step_of_a_path_says_why_it_is_open_or_blocked():
    graph = g.dag("a -> c <- b, c -> d, b -> e -> f")
    (blocked,) = g.paths(graph, "a", "f")
    assert (blocked.text, blocked.active) == ("a -> c <- b -> e -> f", False)
    assert [(s.node, s.kind, s.open) for s in blocked.steps] == [
        ("c", "collider", False),
        ("b", "fork", True),
        ("e", "chain", True),
    ]
    assert "blocks" in blocked.steps[0].reason
    (by_descendant,) = g.active_paths(graph, "a", "f", "d")
    assert by_descendant.steps[0].reason == "collider c is open, because d, which c leads to, is observed"
    (by_itself,) = g.active_paths(graph, "a", "f", ["c"])
    assert by_itself.steps[0].reason == "collider c is open, because c is observed"
    assert g.paths(graph, "a", "f", ["c", "b"])[0].steps[1].reason == ("fork at b is blocked, because b is observed")


def test_neighbours_have_a_path_without_steps_that_is_always_active():
    (path,) = g.active_paths(examples.chain(), "a", "c")
    assert path.nodes == ("a", "c")
    assert path.steps == ()
    assert path.active


def test_bad_questions_are_refused():
    graph = examples.fork()
    with pytest.raises(g.GraphError, match="two places"):
        g.d_separated(graph, "a", "b", ["a"])
    with pytest.raises(g.GraphError, match="not in this graph"):
        g.paths(graph, "a", "q")
    with pytest.raises(g.GraphError, match="two nodes"):
        g.paths(graph, ["a"], "b")
    with pytest.raises(g.GraphError, match="at least one"):
        g.d_separated(graph, [], "b")
    with pytest.raises(g.GraphError, match="circle"):
        g.d_separated(nx.DiGraph([("a", "b"), ("b", "a")]), "a", "b")
    with pytest.raises(g.GraphError, match="not in this graph"):
        g.markov_blanket(graph, "q")
