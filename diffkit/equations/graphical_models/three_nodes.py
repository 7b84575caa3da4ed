r"""Fork, chain and collider.  Equations (1.9) to (1.20)."""

import torch
from torch import Tensor

from diffkit.equations.draws import randn
from diffkit.equations.graphical_models.common import rand, random_joint
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.graph import GaussianJoint, examples, joint, linear_gaussian, random_tables

Tables = dict[str, Tensor]


def _normal(x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    """Density of one coordinate, entry by entry."""
    return torch.exp(-0.5 * (x - mean) ** 2 / var) / torch.sqrt(2 * torch.pi * var)


def _fork(g: torch.Generator) -> tuple[Tables, Tensor]:
    """Random tables of the fork with 3, 4 and 2 values, and the library's joint with the axes a, b, c."""
    graph = examples.fork()
    tables = random_tables(graph, {"a": 3, "b": 4, "c": 2}, generator=g)
    return tables, joint(graph, tables).marginal(("a", "b", "c")).p


def _chain(g: torch.Generator) -> tuple[Tables, Tensor]:
    graph = examples.chain()
    tables = random_tables(graph, {"a": 3, "b": 4, "c": 2}, generator=g)
    return tables, joint(graph, tables).marginal(("a", "b", "c")).p


def _collider(g: torch.Generator) -> tuple[Tables, Tensor]:
    graph = examples.collider()
    tables = random_tables(graph, {"a": 3, "b": 4, "c": 2}, generator=g)
    return tables, joint(graph, tables).marginal(("a", "b", "c")).p


def _copies(g: torch.Generator) -> tuple[Tensor, Tensor, GaussianJoint]:
    """a = gain c + noise, b = c + noise: the gain, the three variances (c, a, b), and the joint Gaussian."""
    gain, var = 1 + 4 * rand(g, 1)[0], 0.3 + rand(g, 3)
    weights: dict[tuple[str, str], float | Tensor] = {("c", "a"): gain, ("c", "b"): 1.0}
    return gain, var, linear_gaussian(examples.fork(), weights, dict(zip("cab", var, strict=True)))


@twin(
    "1.9",
    r"p(a, b, c) = p(c)\,p(a \mid c)\,p(b \mid c)",
    symbols="prob abc",
)
def fork_factorization(g: torch.Generator) -> Sides:
    """The fork a = g c + noise, b = c + noise: one covariance matrix, and three densities multiplied."""
    gain, var, fork = _copies(g)
    c, a, b = randn(g, 3, 6)
    product = _normal(c, torch.zeros(()), var[0]) * _normal(a, gain * c, var[1]) * _normal(b, c, var[2])
    return Sides(fork.log_prob({"a": a, "b": b, "c": c}).exp(), product)


@twin(
    "1.10",
    r"p(a, b) = \sum_c p(c)\,p(a \mid c)\,p(b \mid c) = p(a) \sum_c p(c \mid a)\,p(b \mid c)",
    symbols="prob abc",
)
def fork_sum(g: torch.Generator) -> Sides:
    """The joint table with c summed out, and the last form, with p(c | a) by Bayes' rule."""
    tables, p = _fork(g)
    p_ca = tables["c"][:, None] * tables["a"]  # p(c, a)
    p_a = p_ca.sum(0)
    return Sides(p.sum(2), p_a[:, None] * ((p_ca / p_a).mT @ tables["b"]))


@twin(
    "1.11",
    r"\mathbb{E}[b \mid a] = \frac{g\,\sigma_c^2}{g^2\sigma_c^2 + \sigma_a^2}\,a, \qquad \operatorname{Var}[b \mid a] = \sigma_b^2 + \frac{\sigma_c^2\,\sigma_a^2}{g^2\sigma_c^2 + \sigma_a^2}",
    symbols="E Var abc gain var_abc",
)
def guess_b(g: torch.Generator) -> Sides:
    """Both moments by integrating p(c) p(a | c) over c with the weights of Bayes' rule, and the formulas."""
    gain, (v_c, v_a, v_b), _ = _copies(g)
    a = randn(g, 5)

    def weighted(c: Tensor) -> Tensor:
        weight = _normal(c, torch.zeros(()), v_c)[:, None] * _normal(a, gain * c[:, None], v_a)
        return torch.stack([weight, weight * c[:, None], weight * (c[:, None] ** 2 + v_b)], 1)

    total, first, second = integrate(weighted, -12, 12)
    mean, square = first / total, second / total
    spread = gain**2 * v_c + v_a
    closed = torch.cat([gain * v_c / spread * a, (v_b + v_c * v_a / spread).expand(5)])
    return Sides(torch.cat([mean, square - mean**2]), closed)


@twin(
    "1.12",
    r"p(a, b \mid c) = \frac{p(c)\,p(a \mid c)\,p(b \mid c)}{p(c)} = p(a \mid c)\,p(b \mid c)",
    symbols="prob abc",
)
def fork_given_c(g: torch.Generator) -> Sides:
    """The joint Gaussian of the fork conditioned on c, and the product of the two single densities."""
    gain, var, fork = _copies(g)
    c, a, b = randn(g, 3, 6)
    left = torch.stack([fork.condition({"c": c[i]}).log_prob({"a": a[i], "b": b[i]}) for i in range(6)]).exp()
    return Sides(left, _normal(a, gain * c, var[1]) * _normal(b, c, var[2]))


@twin(
    "1.13",
    r"p(a, b, c) = p(a)\,p(c \mid a)\,p(b \mid c)",
    symbols="prob abc",
)
def chain_factorization(g: torch.Generator) -> Sides:
    """A chain a, c = w a + noise, b = u c + noise: one covariance matrix, and three densities multiplied."""
    w, u, (v_a, v_c, v_b) = *randn(g, 2), 0.3 + rand(g, 3)
    whole = linear_gaussian(examples.chain(), {("a", "c"): w, ("c", "b"): u}, {"a": v_a, "c": v_c, "b": v_b})
    a, b, c = randn(g, 3, 6)
    product = _normal(a, torch.zeros(()), v_a) * _normal(c, w * a, v_c) * _normal(b, u * c, v_b)
    return Sides(whole.log_prob({"a": a, "b": b, "c": c}).exp(), product)


@twin(
    "1.14",
    r"p(a, b) = \sum_c p(a)\,p(c \mid a)\,p(b \mid c) = p(a) \sum_c p(c \mid a)\,p(b \mid c)",
    symbols="prob abc",
)
def chain_sum(g: torch.Generator) -> Sides:
    """The joint table with c summed out, and a product of matrices: a sum over c of row times column."""
    tables, p = _chain(g)
    return Sides(p.sum(2), tables["a"][:, None] * (tables["c"] @ tables["b"]))


@twin(
    "1.15",
    r"p(a, b \mid c) = \frac{p(a)\,p(c \mid a)\,p(b \mid c)}{p(c)} = \frac{p(c)\,p(a \mid c)\,p(b \mid c)}{p(c)} = p(a \mid c)\,p(b \mid c)",
    symbols="prob abc",
)
def chain_given_c(g: torch.Generator) -> Sides:
    """The joint table divided by p(c), and the product with p(a | c) by Bayes' rule."""
    tables, p = _chain(g)
    p_ac = tables["a"][:, None] * tables["c"]
    a_given_c = p_ac / p_ac.sum(0)
    right = a_given_c[:, None, :] * tables["b"].mT[None]
    return Sides(p / p.sum((0, 1)), right)


@twin(
    "1.16",
    r"p(a, b, c) = p(a)\,p(b)\,p(c \mid a, b)",
    symbols="prob abc",
)
def collider_factorization(g: torch.Generator) -> Sides:
    """The collider c = a + b + noise: one covariance matrix, and three densities multiplied."""
    v_a, v_b, v_c = 0.3 + rand(g, 3)
    whole = linear_gaussian(examples.collider(), {("a", "c"): 1.0, ("b", "c"): 1.0}, {"a": v_a, "b": v_b, "c": v_c})
    a, b, c = randn(g, 3, 6)
    zero = torch.zeros(())
    product = _normal(a, zero, v_a) * _normal(b, zero, v_b) * _normal(c, a + b, v_c)
    return Sides(whole.log_prob({"a": a, "b": b, "c": c}).exp(), product)


@twin(
    "1.17",
    r"p(a, b) = \sum_c p(a)\,p(b)\,p(c \mid a, b) = p(a)\,p(b)",
    symbols="prob abc",
)
def collider_sum(g: torch.Generator) -> Sides:
    """The joint table with c summed out, and the product of the two tables without parents."""
    tables, p = _collider(g)
    return Sides(p.sum(2), torch.outer(tables["a"], tables["b"]))


@twin(
    "1.18",
    r"p(a \mid b, c) = \frac{p(a)\,p(c \mid a, b)}{\sum_{a'} p(a')\,p(c \mid a', b)}",
    symbols="prob abc",
)
def explaining_away(g: torch.Generator) -> Sides:
    """The joint table divided by p(b, c), and the formula, in which p(b) has cancelled."""
    tables, p = _collider(g)
    top = tables["a"][:, None, None] * tables["c"]
    return Sides(p / p.sum(0), top / top.sum(0))


@twin(
    "1.19",
    r"c = a + b + \text{noise}: \qquad \operatorname{Cov}[a, b \mid c] = -\frac{\sigma_a^2\,\sigma_b^2}{\sigma_a^2 + \sigma_b^2 + \sigma_c^2}",
    symbols="Cov abc var_abc",
)
def collider_covariance(g: torch.Generator) -> Sides:
    """The posterior of (a, b) for one c integrated on a grid of both, and the formula."""
    v_a, v_b, v_c = 0.5 + rand(g, 3)
    c = randn(g, 1)
    z, w = normal_grid(2, 100)  # draws of a and b before c is seen; p(c | a, b) weighs them
    a, b = v_a.sqrt() * z[:, 0], v_b.sqrt() * z[:, 1]
    w = w * _normal(c, a + b, v_c)
    w = w / w.sum()
    left = w @ (a * b) - (w @ a) * (w @ b)
    return Sides(left.reshape(1), (-v_a * v_b / (v_a + v_b + v_c)).reshape(1))


@twin(
    "1.20",
    r"\mathrm{I}(a;\, b \mid c) = \sum_{a, b, c} p(a, b, c)\,\log \frac{p(a, b \mid c)}{p(a \mid c)\,p(b \mid c)} \;\ge\; 0",
    symbols="MI prob abc",
)
def information(g: torch.Generator) -> Sides:
    """H(a, c) + H(b, c) - H(a, b, c) - H(c) for a random table, and the average of the logarithm."""
    p = random_joint(g, 3, 4, 2)
    entropy = lambda q: -(q * q.log()).sum()  # noqa: E731
    left = entropy(p.sum(1)) + entropy(p.sum(0)) - entropy(p) - entropy(p.sum((0, 1)))
    given = p / p.sum((0, 1))
    ratio = given / (given.sum(1, keepdim=True) * given.sum(0, keepdim=True))
    return Sides(left.reshape(1), (p * ratio.log()).sum().reshape(1))
