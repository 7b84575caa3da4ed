r"""A graph as a factorization, and the rules for sums, products and independence.  Equations (1.1) to (1.8)."""

import torch
from torch import Tensor

from diffkit.equations.draws import randn
from diffkit.equations.graphical_models.common import BISHOP, log_normal, rand, random_joint
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian
from diffkit.graph import examples, joint, linear_gaussian, order, random_tables


@twin(
    "1.1",
    r"p(x_1, \dots, x_n) = \prod_{i=1}^{n} p(x_i \mid x_1, \dots, x_{i-1})",
    symbols="prob x_i n",
    source=f"{BISHOP}, section 8.1",
)
def chain_rule(g: torch.Generator) -> Sides:
    """A Gaussian with a full covariance: its log density, and one variable after the other, each by conditioning."""
    mix, x = randn(g, 4, 4), randn(g, 6, 4)
    full = FullGaussian(randn(g, 4), mix @ mix.mT + 0.5 * torch.eye(4, dtype=torch.float64))
    total = full.marginal([0]).log_prob(x[:, :1])
    for i in range(1, 4):
        above = list(range(i))
        now = full.marginal([*above, i]).condition(above, x[:, :i])
        total = total + now.log_prob(x[:, i : i + 1])
    return Sides(full.log_prob(x), total)


@twin(
    "1.2",
    r"p(x_1, \dots, x_n) = \prod_{i=1}^{n} p(x_i \mid \mathrm{pa}_i)",
    symbols="prob x_i pa n",
    source=f"{BISHOP}, eq. 8.5",
)
def factorization(g: torch.Generator) -> Sides:
    """A linear-Gaussian network on the five nodes: one big covariance, and the sum of five conditional densities."""
    graph = examples.five_nodes()
    weights = dict(zip(graph.edges, randn(g, graph.number_of_edges()), strict=True))
    names, var, x = order(graph), 0.3 + rand(g, 5), randn(g, 6, 5)
    whole = linear_gaussian(graph, weights, dict(zip(names, var, strict=True)))
    column = dict(zip(names, x.T, strict=True))
    total = torch.zeros(6, dtype=torch.float64)
    for node, v in zip(names, var, strict=True):
        mean = torch.zeros(6, dtype=torch.float64)
        for parent in graph.predecessors(node):
            mean = mean + weights[parent, node] * column[parent]
        total = total + log_normal(column[node], mean, v)
    return Sides(whole.log_prob(column), total)


@twin(
    "1.3",
    r"p(x_1, x_2, x_3, x_4, x_5) = p(x_1)\,p(x_2)\,p(x_3)\,p(x_4 \mid x_1, x_2, x_3)\,p(x_5 \mid x_1, x_3)",
    symbols="prob x_i",
    source=f"{BISHOP}, section 8.1",
)
def five_nodes(g: torch.Generator) -> Sides:
    """The library's joint table of the five nodes, and the five tables multiplied by hand."""
    graph = examples.five_nodes()
    tables = random_tables(graph, {"x1": 2, "x2": 3, "x3": 2, "x4": 2, "x5": 3}, generator=g)
    by_hand = torch.einsum("a,b,c,abcd,ace->abcde", *(tables[f"x{i}"] for i in range(1, 6)))
    return Sides(joint(graph, tables).p, by_hand)


@twin(
    "1.4",
    r"p(x_5 \mid x_1, x_2, x_3, x_4) = p(x_5 \mid x_1, x_3)",
    symbols="prob x_i",
)
def missing_arrows(g: torch.Generator) -> Sides:
    """The conditional from the joint by dividing, and the table of x_5, which has no axis for x_2 and x_4."""
    graph = examples.five_nodes()
    tables = random_tables(graph, 2, generator=g)
    p = joint(graph, tables).p
    right = tables["x5"][:, None, :, None, :].expand(2, 2, 2, 2, 2)
    return Sides(p / p.sum(-1, keepdim=True), right)


@twin(
    "1.5",
    r"p(a) = \sum_b p(a, b), \qquad p(b \mid a) = \frac{p(a, b)}{p(a)}",
    symbols="prob abc",
    source=f"{BISHOP}, eq. 1.10-1.11",
)
def sum_and_product(g: torch.Generator) -> Sides:
    """For two joint Gaussians: p(b | a) p(a) with p(a) by integrating over b, and the closed forms of both."""
    mix = randn(g, 2, 2)
    full = FullGaussian(randn(g, 2), mix @ mix.mT + 0.5 * torch.eye(2, dtype=torch.float64))
    a, b = randn(g, 5), randn(g, 5)
    column = lambda y: torch.stack([a.expand(len(y), 5), y.unsqueeze(1).expand(-1, 5)], -1)  # noqa: E731
    p_a = integrate(lambda y: full.log_prob(column(y)).exp(), -30, 30)
    given = full.log_prob(torch.stack([a, b], 1)).exp() / p_a
    closed = full.condition([0], a.unsqueeze(1)).log_prob(b.unsqueeze(1)).exp()
    return Sides(torch.cat([p_a, given]), torch.cat([full.marginal([0]).log_prob(a.unsqueeze(1)).exp(), closed]))


@twin(
    "1.6",
    r"p(a, b) - p(a)\,p(b) = p(a)\,\big[\,p(b \mid a) - p(b)\,\big]",
    symbols="prob abc",
)
def independence(g: torch.Generator) -> Sides:
    """Tables p(a), p(b | a) are drawn; the left side sees their joint alone, the right side the tables."""
    p_a, rows = random_joint(g, 3), random_joint(g, 3, 4)
    b_given_a = rows / rows.sum(1, keepdim=True)
    p = p_a[:, None] * b_given_a
    left = p - torch.outer(p.sum(1), p.sum(0))
    return Sides(left, p_a[:, None] * (b_given_a - p_a @ b_given_a))


@twin(
    "1.7",
    r"p(a, b \mid c) - p(a \mid c)\,p(b \mid c) = p(a \mid c)\,\big[\,p(b \mid a, c) - p(b \mid c)\,\big]",
    symbols="prob abc",
)
def conditional_independence(g: torch.Generator) -> Sides:
    """A random joint of three: once c is fixed slice by slice, and once from p(b | a, c)."""
    p = random_joint(g, 3, 4, 2)
    left = []
    for k in range(2):
        q = p[:, :, k] / p[:, :, k].sum()
        left.append(q - torch.outer(q.sum(1), q.sum(0)))
    p_ac, p_bc, p_c = p.sum(1), p.sum(0), p.sum((0, 1))
    bracket = p / p_ac[:, None, :] - p_bc / p_c
    return Sides(torch.stack(left, -1), (p_ac / p_c)[:, None, :] * bracket)


@twin(
    "1.8",
    r"p(a, b) = \sum_c p(a, b, c)",
    symbols="prob abc",
    source=f"{BISHOP}, eq. 1.10",
)
def total_probability(g: torch.Generator) -> Sides:
    """For three joint Gaussians, where the sum is an integral: rows of the covariance crossed out, and the integral."""
    mix = randn(g, 3, 3)
    full = FullGaussian(randn(g, 3), mix @ mix.mT + 0.5 * torch.eye(3, dtype=torch.float64))
    x = randn(g, 6, 2)

    def integrand(c: Tensor) -> Tensor:
        points = torch.cat([x.expand(len(c), 6, 2), c[:, None, None].expand(-1, 6, 1)], -1)
        return full.log_prob(points).exp()

    return Sides(full.marginal([0, 1]).log_prob(x).exp(), integrate(integrand, -30, 30))
