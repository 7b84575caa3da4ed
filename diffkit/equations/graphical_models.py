r"""Lesson 01, graphical models: the numbered equations (1.1) to (1.25) as functions; the Gaussian tools are in
`graphical_gaussians`.

In each twin one side comes from the joint distribution by summing, dividing, integrating or from one covariance
matrix; the other side is the formula that the graph allows.
"""

import torch
from torch import Tensor

from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian
from diffkit.graph import GaussianJoint, examples, joint, linear_gaussian, order, random_tables
from diffkit.schedule import Schedule

BISHOP = "Bishop 2006"
Tables = dict[str, Tensor]


def _rand(g: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=g, dtype=torch.float64)


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def _normal(x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    """Density of one coordinate, entry by entry."""
    return torch.exp(-0.5 * (x - mean) ** 2 / var) / torch.sqrt(2 * torch.pi * var)


def _log_normal(x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    return -0.5 * ((x - mean) ** 2 / var + torch.log(2 * torch.pi * var))


def _random_joint(g: torch.Generator, *sizes: int) -> Tensor:
    p = _rand(g, *sizes) + 0.05
    return p / p.sum()


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
    gain, var = 1 + 4 * _rand(g, 1)[0], 0.3 + _rand(g, 3)
    weights: dict[tuple[str, str], float | Tensor] = {("c", "a"): gain, ("c", "b"): 1.0}
    return gain, var, linear_gaussian(examples.fork(), weights, dict(zip("cab", var, strict=True)))


def _diffusion(g: torch.Generator, T: int = 4) -> tuple[Schedule, float, GaussianJoint]:
    """A random schedule, the variance of x_0, and x_0 .. x_T as one Gaussian."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = 0.1 + 0.5 * _rand(g, T)
    s, var_0 = Schedule(beta), 0.5 + float(_rand(g, 1))
    return s, var_0, examples.forward_process(s, var_0)


def _log_given(path: GaussianJoint, of: str, given: str, x: Tensor) -> Tensor:
    """log q(of | given) by conditioning the big Gaussian, at the rows of x: (B, T+1).  given: names with blanks."""
    names = given.split()
    return torch.stack(
        [path.condition({n: row[int(n[1:])] for n in names}).marginal(of).log_prob({of: row[int(of[1:])]}) for row in x]
    )


@twin(
    "1.1",
    r"p(x_1, \dots, x_n) = \prod_{i=1}^{n} p(x_i \mid x_1, \dots, x_{i-1})",
    symbols="prob x_i n",
    source=f"{BISHOP}, section 8.1",
)
def chain_rule(g: torch.Generator) -> Sides:
    """A Gaussian with a full covariance: its log density, and one variable after the other, each by conditioning."""
    mix, x = _randn(g, 4, 4), _randn(g, 6, 4)
    full = FullGaussian(_randn(g, 4), mix @ mix.mT + 0.5 * torch.eye(4, dtype=torch.float64))
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
    weights = dict(zip(graph.edges, _randn(g, graph.number_of_edges()), strict=True))
    names, var, x = order(graph), 0.3 + _rand(g, 5), _randn(g, 6, 5)
    whole = linear_gaussian(graph, weights, dict(zip(names, var, strict=True)))
    column = dict(zip(names, x.T, strict=True))
    total = torch.zeros(6, dtype=torch.float64)
    for node, v in zip(names, var, strict=True):
        mean = torch.zeros(6, dtype=torch.float64)
        for parent in graph.predecessors(node):
            mean = mean + weights[parent, node] * column[parent]
        total = total + _log_normal(column[node], mean, v)
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
    mix = _randn(g, 2, 2)
    full = FullGaussian(_randn(g, 2), mix @ mix.mT + 0.5 * torch.eye(2, dtype=torch.float64))
    a, b = _randn(g, 5), _randn(g, 5)
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
    p_a, rows = _random_joint(g, 3), _random_joint(g, 3, 4)
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
    p = _random_joint(g, 3, 4, 2)
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
    mix = _randn(g, 3, 3)
    full = FullGaussian(_randn(g, 3), mix @ mix.mT + 0.5 * torch.eye(3, dtype=torch.float64))
    x = _randn(g, 6, 2)

    def integrand(c: Tensor) -> Tensor:
        points = torch.cat([x.expand(len(c), 6, 2), c[:, None, None].expand(-1, 6, 1)], -1)
        return full.log_prob(points).exp()

    return Sides(full.marginal([0, 1]).log_prob(x).exp(), integrate(integrand, -30, 30))


@twin(
    "1.9",
    r"p(a, b, c) = p(c)\,p(a \mid c)\,p(b \mid c)",
    symbols="prob abc",
)
def fork_factorization(g: torch.Generator) -> Sides:
    """The fork a = g c + noise, b = c + noise: one covariance matrix, and three densities multiplied."""
    gain, var, fork = _copies(g)
    c, a, b = _randn(g, 3, 6)
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
    a = _randn(g, 5)

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
    c, a, b = _randn(g, 3, 6)
    left = torch.stack([fork.condition({"c": c[i]}).log_prob({"a": a[i], "b": b[i]}) for i in range(6)]).exp()
    return Sides(left, _normal(a, gain * c, var[1]) * _normal(b, c, var[2]))


@twin(
    "1.13",
    r"p(a, b, c) = p(a)\,p(c \mid a)\,p(b \mid c)",
    symbols="prob abc",
)
def chain_factorization(g: torch.Generator) -> Sides:
    """A chain a, c = w a + noise, b = u c + noise: one covariance matrix, and three densities multiplied."""
    w, u, (v_a, v_c, v_b) = *_randn(g, 2), 0.3 + _rand(g, 3)
    whole = linear_gaussian(examples.chain(), {("a", "c"): w, ("c", "b"): u}, {"a": v_a, "c": v_c, "b": v_b})
    a, b, c = _randn(g, 3, 6)
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
    v_a, v_b, v_c = 0.3 + _rand(g, 3)
    whole = linear_gaussian(examples.collider(), {("a", "c"): 1.0, ("b", "c"): 1.0}, {"a": v_a, "b": v_b, "c": v_c})
    a, b, c = _randn(g, 3, 6)
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
    v_a, v_b, v_c = 0.5 + _rand(g, 3)
    c = _randn(g, 1)
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
    p = _random_joint(g, 3, 4, 2)
    entropy = lambda q: -(q * q.log()).sum()  # noqa: E731
    left = entropy(p.sum(1)) + entropy(p.sum(0)) - entropy(p) - entropy(p.sum((0, 1)))
    given = p / p.sum((0, 1))
    ratio = given / (given.sum(1, keepdim=True) * given.sum(0, keepdim=True))
    return Sides(left.reshape(1), (p * ratio.log()).sum().reshape(1))


@twin(
    "1.21",
    r"q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_1, \mathbf{x}_0) = q(\mathbf{x}_3 \mid \mathbf{x}_2)",
    symbols="q x_t x_0",
)
def markov(g: torch.Generator) -> Sides:
    """The diffusion chain as one Gaussian, conditioned on three points, and the single step."""
    s, _, path = _diffusion(g)
    x = _randn(g, 6, 5)
    step = _log_normal(x[:, 3], s.alpha[3].sqrt() * x[:, 2], s.beta[3])
    return Sides(_log_given(path, "x3", "x2 x1 x0", x), step)


@twin(
    "1.22",
    r"q(\mathbf{x}_3 \mid \mathbf{x}_2, \mathbf{x}_0) = q(\mathbf{x}_3 \mid \mathbf{x}_2)",
    symbols="q x_t x_0",
)
def drop_x0(g: torch.Generator) -> Sides:
    """The same with x_1 unknown: summed out of the big Gaussian, not conditioned on."""
    s, _, path = _diffusion(g)
    x = _randn(g, 6, 5)
    step = _log_normal(x[:, 3], s.alpha[3].sqrt() * x[:, 2], s.beta[3])
    return Sides(_log_given(path, "x3", "x2 x0", x), step)


@twin(
    "1.23",
    r"q(\mathbf{x}_2 \mid \mathbf{x}_3, \mathbf{x}_0) = \frac{q(\mathbf{x}_3 \mid \mathbf{x}_2)\,q(\mathbf{x}_2 \mid \mathbf{x}_0)}{q(\mathbf{x}_3 \mid \mathbf{x}_0)}",
    symbols="q x_t x_0",
)
def keep_x0(g: torch.Generator) -> Sides:
    """The big Gaussian conditioned on x_3 and x_0, and three forward densities."""
    s, _, path = _diffusion(g)
    x = _randn(g, 6, 5)
    jump = lambda t: _log_normal(x[:, t], s.alpha_bar[t].sqrt() * x[:, 0], s.noise_var[t])  # noqa: E731
    step = _log_normal(x[:, 3], s.alpha[3].sqrt() * x[:, 2], s.beta[3])
    return Sides(_log_given(path, "x2", "x3 x0", x), step + jump(2) - jump(3))


@twin(
    "1.24",
    r"q(\mathbf{x}_{0:T}) = q(\mathbf{x}_T) \prod_{t=1}^{T} q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)",
    symbols="q x_t T t",
)
def backwards(g: torch.Generator) -> Sides:
    """The density of whole paths, forward step by step, and read from the end, each step by conditioning."""
    s, var_0, path = _diffusion(g)
    x = _randn(g, 6, 5)
    forward = _log_normal(x[:, 0], torch.zeros(()), torch.tensor(var_0, dtype=torch.float64))
    for t in range(1, 5):
        forward = forward + _log_normal(x[:, t], s.alpha[t].sqrt() * x[:, t - 1], s.beta[t])
    back = path.marginal("x4").log_prob({"x4": x[:, 4]})
    for t in range(1, 5):
        back = back + _log_given(path, f"x{t - 1}", f"x{t}", x)
    return Sides(forward, back)


@twin(
    "1.24e",
    r"q(\mathbf{x}_{0:T}) = q(\mathbf{x}_T)\,q(\mathbf{x}_{T-1} \mid \mathbf{x}_T) \prod_{t=2}^{T} q(\mathbf{x}_{t-2} \mid \mathbf{x}_t)",
    symbols="q x_t T t",
    source="said in a lecture on diffusion models",
    erratum="Each factor must look one step back: the parent of x_{t-2} is x_{t-1}, not x_t.",
)
def backwards_two_apart(g: torch.Generator) -> Sides:
    """The density of whole paths, and the product whose factors reach two steps back."""
    _, _, path = _diffusion(g)
    x = _randn(g, 6, 5)
    whole = path.log_prob({f"x{t}": x[:, t] for t in range(5)})
    back = path.marginal("x4").log_prob({"x4": x[:, 4]}) + _log_given(path, "x3", "x4", x)
    for t in range(2, 5):
        back = back + _log_given(path, f"x{t - 2}", f"x{t}", x)
    return Sides(whole, back)


@twin(
    "1.25",
    r"p(s_{t+1} \mid s_t) = \sum_{a_t} \pi(a_t \mid s_t)\,p(s_{t+1} \mid s_t, a_t)",
    symbols="prob state policy t",
)
def rollout(g: torch.Generator) -> Sides:
    """p(s_2 | s_1) from the joint table of two decisions, and the sum over the second action."""
    graph = examples.reinforcement_chain(2)
    tables = random_tables(graph, {"s0": 3, "a0": 2, "s1": 3, "a1": 2, "s2": 3}, generator=g)
    left = joint(graph, tables).conditional("s2", "s1")
    return Sides(left, torch.einsum("sa,san->sn", tables["a1"], tables["s2"]))
