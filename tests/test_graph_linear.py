"""Linear-Gaussian networks against the factorization, the forward process, and hand-made numbers."""

import math
import random

import pytest
import torch
from hypothesis import given

from diffkit import forward, schedule
from diffkit import graph as g
from diffkit.errors import RangeError, ShapeError
from diffkit.gaussian import Gaussian
from diffkit.graph import examples
from tests.random_dags import dags, randoms


def random_network(graph, rng: random.Random):
    weights = {edge: rng.uniform(-2, 2) for edge in graph.edges}
    var = {node: rng.uniform(0.2, 2) for node in graph}
    bias = {node: rng.uniform(-1, 1) for node in graph}
    return weights, var, bias


@given(dags, randoms)
def test_the_joint_gaussian_is_the_product_of_the_linear_conditionals(graph, rng):
    weights, var, bias = random_network(graph, rng)
    joint = g.linear_gaussian(graph, weights, var, bias)

    def conditional(node):
        above = g.parents(graph, node)

        def log_p(value, *values):
            mean = bias[node] + sum(weights[u, node] * v for u, v in zip(above, values, strict=True))
            noise_var = torch.tensor(var[node], dtype=torch.float64)
            return Gaussian(mean * torch.ones_like(value), noise_var).log_prob(value)

        return log_p

    points = {n: torch.tensor([rng.uniform(-3, 3) for _ in range(5)], dtype=torch.float64) for n in graph}
    expected = g.log_joint(graph, {n: conditional(n) for n in graph})(**points)
    torch.testing.assert_close(joint.log_prob(points), expected, rtol=1e-9, atol=1e-9)


def test_a_is_5c_plus_noise_b_is_c_plus_noise():
    joint = examples.noisy_copies()
    assert joint.names == ("c", "a", "b")
    assert joint.gaussian.cov.tolist() == [[1, 5, 1], [5, 26, 5], [1, 5, 2]]
    assert g.independent(joint, "a", "b", "c").holds
    free = g.independent(joint, "a", "b")
    assert free.deviation == pytest.approx(5 / math.sqrt(26 * 2), rel=1e-12)
    assert free.nats == pytest.approx(-0.5 * math.log(1 - 25 / 52), rel=1e-12)


def test_the_forward_process_as_a_network_has_the_marginals_and_posteriors_of_the_closed_forms():
    s = schedule.linear(12, 0.01, 0.3)
    joint = examples.forward_process(s, var_0=0.7)
    x_0, x_t = torch.tensor([[1.3]], dtype=torch.float64), torch.tensor([[-0.4]], dtype=torch.float64)
    for t in range(2, 13):
        jump = joint.marginal(["x0", f"x{t}"]).condition({"x0": 1.3}).gaussian
        q = forward.q_marginal(s, x_0, t)
        torch.testing.assert_close(jump.mean, q.mean[0], rtol=1e-12, atol=0)
        torch.testing.assert_close(jump.cov[0, 0], q.var, rtol=1e-12, atol=0)
        back = joint.condition({"x0": 1.3, f"x{t}": -0.4}).marginal(f"x{t - 1}").gaussian
        q = forward.q_posterior(s, x_0, x_t, t)
        torch.testing.assert_close(back.mean, q.mean[0], rtol=1e-9, atol=0)
        torch.testing.assert_close(back.cov[0, 0], q.var, rtol=1e-9, atol=0)


@given(dags, randoms)
def test_every_graph_is_an_i_map_of_its_own_gaussian(graph, rng):
    weights, var, bias = random_network(graph, rng)
    assert g.imap(graph, g.linear_gaussian(graph, weights, var, bias), tol=1e-12).holds


def test_the_i_map_check_names_the_arrow_that_a_gaussian_needs():
    joint = examples.noisy_copies()
    verdict = g.imap(g.dag("c -> a, b"), joint)
    (contradiction,) = verdict.contradictions
    assert (contradiction.parent, contradiction.node) == ("c", "b")
    assert contradiction.nats == pytest.approx(0.5 * math.log(2), rel=1e-12)  # I(b; c) = log(var b / var noise)/2


def test_weights_may_carry_gradients():
    gain = torch.tensor(5.0, dtype=torch.float64, requires_grad=True)
    nats = examples.noisy_copies(gain).information("a", "b")
    (slope,) = torch.autograd.grad(nats, gain)
    rho_sq = lambda w: w**2 / ((w**2 + 1) * 2)  # noqa: E731
    expected = (-0.5 * math.log(1 - rho_sq(5 + 1e-6)) + 0.5 * math.log(1 - rho_sq(5 - 1e-6))) / 2e-6
    assert float(slope) == pytest.approx(expected, rel=1e-6)


def test_bad_networks_are_refused():
    graph, weights = g.dag("a -> b"), {("a", "b"): 1.0}
    with pytest.raises(g.GraphError, match="one weight per arrow"):
        g.linear_gaussian(graph, {})
    with pytest.raises(g.GraphError, match="one weight per arrow"):
        g.linear_gaussian(graph, {("b", "a"): 1.0})
    with pytest.raises(RangeError, match="> 0"):
        g.linear_gaussian(graph, weights, var={"a": 1.0, "b": 0.0})
    with pytest.raises(RangeError, match="finite"):
        g.linear_gaussian(graph, {("a", "b"): math.inf})
    with pytest.raises(g.GraphError, match="var: missing"):
        g.linear_gaussian(graph, weights, var={"a": 1.0})
    with pytest.raises(g.GraphError, match="bias"):
        g.linear_gaussian(graph, weights, bias={"z": 1.0})
    with pytest.raises(ShapeError, match="one number per arrow"):
        g.linear_gaussian(graph, weights, var={"a": torch.ones(2), "b": 1.0})
    with pytest.raises(g.GraphError, match="not among"):
        g.linear_gaussian(graph, weights).condition({"q": 0.0})
