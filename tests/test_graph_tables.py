"""Joint tables: product of conditionals, marginals, independence and I-maps against plain enumeration."""

import math
from contextlib import suppress
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import graph as g
from diffkit.errors import DiffkitError, RangeError, ShapeError
from diffkit.graph import examples
from tests.random_dags import dags, questions

seeds = st.integers(0, 2**31)


def tables_of(graph, seed, sizes=2):
    return g.random_tables(graph, sizes, generator=torch.Generator().manual_seed(seed))


@given(dags, seeds)
def test_joint_is_the_product_of_the_tables_entry_by_entry(graph, seed):
    sizes = {node: 2 + i % 2 for i, node in enumerate(graph)}
    tables = tables_of(graph, seed, sizes)
    joint = g.joint(graph, tables)
    for index in product(*(range(sizes[n]) for n in joint.names)):
        value = dict(zip(joint.names, index, strict=True))
        terms = [float(tables[n][(*(value[u] for u in g.parents(graph, n)), value[n])]) for n in graph]
        assert float(joint.p[index]) == pytest.approx(math.prod(terms), rel=1e-12)


@given(questions, seeds)
def test_marginal_conditional_and_condition_agree_with_sums_over_the_joint(question, seed):
    graph, x, y, _ = question
    joint = g.joint(graph, tables_of(graph, seed))
    i, j = joint.names.index(x), joint.names.index(y)
    expected = torch.zeros(2, 2, dtype=torch.float64)
    for index in product(range(2), repeat=len(graph)):
        expected[index[i], index[j]] += joint.p[index]
    torch.testing.assert_close(joint.marginal([x, y]).p, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(joint.conditional(x, y), (expected / expected.sum(0)).T, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        joint.condition({y: 1}).marginal(x).p, expected[:, 1] / expected[:, 1].sum(), rtol=1e-12, atol=0
    )


@given(dags, seeds)
def test_a_joint_taken_apart_into_its_conditionals_is_put_together_again(graph, seed):
    joint = g.joint(graph, tables_of(graph, seed))
    again = g.joint(graph, {node: joint.conditional(node, above) for node, above in g.factors(graph)})
    assert again.names == joint.names
    torch.testing.assert_close(again.p, joint.p, rtol=1e-12, atol=0)


@given(questions, seeds)
def test_information_is_the_kl_divergence_from_independence_by_enumeration(question, seed):
    graph, x, y, observed = question
    c = sorted(observed)
    joint = g.joint(graph, tables_of(graph, seed)).marginal([x, y, *c])
    p_xc, p_yc, p_c = (joint.marginal([*n, *c]).p for n in ([x], [y], []))
    total, largest = 0.0, 0.0
    for i, j, *k in product(range(2), repeat=2 + len(c)):
        p, p_k = float(joint.p[(i, j, *k)]), float(p_c[tuple(k)])
        q = float(p_xc[(i, *k)] * p_yc[(j, *k)]) / p_k
        total += p * math.log(p / q)
        largest = max(largest, abs(p - q) / p_k)
    verdict = g.independent(joint, x, y, c)
    assert verdict.nats == pytest.approx(total, rel=1e-9, abs=1e-14)
    assert verdict.deviation == pytest.approx(largest, rel=1e-9, abs=1e-14)


@given(dags, dags, seeds)
def test_the_parts_of_an_i_map_check_add_up_to_the_divergence(graph, claimed, seed):
    claimed.remove_nodes_from(set(claimed) - set(graph))
    claimed.add_nodes_from(graph)
    joint = g.joint(graph, tables_of(graph, seed))
    best = g.joint(claimed, {n: joint.conditional(n, above) for n, above in g.factors(claimed)})
    divergence = float((joint.p * (joint.p / best.marginal(joint.names).p).log()).sum())
    verdict = g.imap(claimed, joint)
    assert verdict.nats == pytest.approx(divergence, rel=1e-9, abs=1e-13)
    assert sum(c.nats for c in verdict.contradictions) == pytest.approx(divergence, rel=1e-9, abs=1e-8)
    assert verdict.holds == (divergence < 1e-9)


@given(dags, seeds)
def test_every_graph_is_an_i_map_of_its_own_tables(graph, seed):
    assert g.imap(graph, g.joint(graph, tables_of(graph, seed)), tol=1e-12).holds


def test_an_i_map_check_names_the_missing_arrow_and_not_the_stand_in():
    # x0 stands in for x1, the true parent of x2: seen alone it tells something of x2, but after x1 nothing.
    joint = g.joint(examples.diffusion_chain(2), tables_of(examples.diffusion_chain(2), seed=3))
    verdict = g.imap(g.dag("x0 -> x1, x2"), joint)
    (contradiction,) = verdict.contradictions
    assert (contradiction.parent, contradiction.node, contradiction.given) == ("x1", "x2", ())
    assert contradiction.nats == pytest.approx(float(joint.information("x1", "x2")), rel=1e-12)
    assert "x2 depends on x1" in str(contradiction)


def test_an_i_map_check_finds_a_dependence_that_no_pair_shows():
    # c = a xor b: every pair is independent, the three are not.
    xor = torch.zeros(2, 2, 2)
    for a, b in product(range(2), repeat=2):
        xor[a, b, a ^ b] = 0.25
    verdict = g.imap(g.dag("a, b, c"), g.Joint(("a", "b", "c"), xor))
    assert not verdict.holds
    assert verdict.nats == pytest.approx(math.log(2), rel=1e-12)


def test_a_condition_that_never_happens_leaves_the_joint_as_it_is():
    joint = g.Joint(("a", "b"), torch.tensor([[0.5, 0.5], [0.0, 0.0]]))
    assert joint.conditional("b", "a").tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert g.independent(joint, "a", "b").holds
    with pytest.raises(RangeError, match="probability 0"):
        joint.condition({"a": 1})


def test_seeing_the_effect_makes_independent_causes_dependent():
    tables = {"a": torch.tensor([0.9, 0.1]), "b": torch.tensor([0.9, 0.1])}
    either = torch.tensor([[[0.99, 0.01], [0.1, 0.9]], [[0.1, 0.9], [0.01, 0.99]]])
    joint = g.joint(examples.collider(), tables | {"c": either})
    assert g.independent(joint, "a", "b").holds
    assert not g.independent(joint, "a", "b", "c").holds
    assert joint.condition({"a": 0, "b": 0}).p.tolist() == pytest.approx([0.99, 0.01])
    once_c, also_b = joint.condition({"c": 1}), joint.condition({"c": 1, "b": 1})
    assert float(also_b.marginal("a").p[1]) < float(once_c.marginal("a").p[1])


@pytest.mark.parametrize(
    ("tables", "error", "words"),
    [
        (
            {"a": torch.tensor([0.5, 0.4]), "b": torch.full((2, 2), 0.5)},
            RangeError,
            "table of a misses the sum 1",
        ),
        (
            {"a": torch.tensor([0.5, 0.5]), "b": torch.tensor([[0.5, 0.5], [0.5, 0.4]])},
            RangeError,
            "table of b misses the sum 1",
        ),
        ({"a": torch.tensor([1.5, -0.5]), "b": torch.full((2, 2), 0.5)}, RangeError, "negative"),
        ({"a": torch.tensor([math.nan, 1]), "b": torch.full((2, 2), 0.5)}, RangeError, "not finite"),
        ({"a": torch.tensor([0.5, 0.5]), "b": torch.full((3, 2), 0.5)}, ShapeError, "table of b"),
        ({"a": torch.tensor([0.5, 0.5]), "b": torch.tensor([0.5, 0.5])}, ShapeError, "axes are a, b"),
        ({"a": torch.tensor([0.5, 0.5]), "b": torch.tensor(1.0)}, ShapeError, "table of b"),
        ({"a": torch.tensor([0.5, 0.5])}, g.GraphError, "missing"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tables, error, words):
    with pytest.raises(error, match=words):
        g.joint(g.dag("a -> b"), tables)


@given(
    st.lists(st.integers(0, 3), max_size=3),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from([0.5, 1 / 3, 1.0, -1.0, math.nan, math.inf]),
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.complex64]),
)
def test_any_tables_give_a_joint_or_an_error_of_ours(shape_a, shape_b, fill, dtype):
    tables = {"a": torch.full(shape_a, fill, dtype=dtype), "b": torch.full(shape_b, fill, dtype=dtype)}
    with suppress(DiffkitError):
        joint = g.joint(g.dag("a -> b"), tables)
        assert float(joint.p.sum()) == pytest.approx(1, rel=1e-12)
    with suppress(DiffkitError):
        assert g.Joint(("a", "b"), tables["b"]).p.shape == tuple(shape_b)


def test_tables_on_several_devices_are_refused():
    with pytest.raises(RangeError, match="several devices"):
        g.joint(g.dag("a, b"), {"a": torch.tensor([1.0]), "b": torch.ones(1, device="meta")})


def test_bad_names_and_values_are_refused():
    joint = g.Joint(("a", "b"), torch.full((2, 2), 0.25))
    with pytest.raises(g.GraphError, match="c: not among"):
        joint.marginal("c")
    with pytest.raises(g.GraphError, match="stands twice"):
        joint.information("a", "a")
    with pytest.raises(g.GraphError, match="of nothing"):
        joint.conditional((), "a")
    with pytest.raises(RangeError, match=r"0\.\.1"):
        joint.condition({"a": 2})
    with pytest.raises(g.GraphError, match="stands twice"):
        g.Joint(("a", "a"), joint.p)
    with pytest.raises(ShapeError, match="one axis per name"):
        g.Joint(("a",), joint.p)
    with pytest.raises(g.GraphError, match="unknown"):
        g.imap(g.dag("a"), joint)
