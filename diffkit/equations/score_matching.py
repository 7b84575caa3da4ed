r"""Lesson 06, score matching and denoising autoencoders: the numbered equations (6.1) to (6.35) as functions.

Expected values are integrals on grids.  One side of a twin goes by the definition (integral, difference quotient,
automatic differentiation, enumeration), the other by the formula.
"""

import torch
from torch import Tensor

from diffkit import elbo, losses
from diffkit.data import bumps
from diffkit.equations.grids import differences, interval_nodes, plane_nodes
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule

F64 = torch.float64
VINCENT, HYVARINEN, HO = "Vincent 2011", "Hyvärinen 2005", "Ho et al. 2020"


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=F64)


def _rand(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(shape, generator=g, dtype=F64)


def _mixture(g: torch.Generator, d: int = 2, K: int = 3) -> GaussianMixture:
    """A random mixture with full covariances, smooth enough for a grid of step 0.1."""
    root = 0.3 * _randn(g, K, d, d)
    covs = root @ root.mT + 0.4 * torch.eye(d, dtype=F64)
    return GaussianMixture(torch.softmax(_randn(g, K), 0), 0.9 * _randn(g, K, d), covs)


def _line(g: torch.Generator) -> GaussianMixture:
    """A random mixture on the line."""
    return _mixture(g, d=1)


def _model(g: torch.Generator, d: int) -> losses.score.Score:
    """A score model that is no gradient of anything: a random layer of four tanh units."""
    A, b, C = _randn(g, 4, d), _randn(g, 4), _randn(g, d, 4)
    return lambda x: torch.tanh(x @ A.mT + b) @ C.mT


def _schedule(g: torch.Generator, T: int = 10) -> Schedule:
    return Schedule(torch.cat([torch.zeros(1, dtype=F64), _rand(g, 0.02, 0.4, T)]))


def _gradient(f: Tensor, x: Tensor) -> Tensor:
    (out,) = torch.autograd.grad(f.sum(), x)
    return out


def _log_gradient(p: GaussianMixture, x: Tensor, *level: float) -> Tensor:
    """The score by automatic differentiation of the log density."""
    x = x.detach().requires_grad_()
    return _gradient(p.log_prob(x, *level), x)


def _plane(p: GaussianMixture) -> tuple[Tensor, Tensor]:
    """Points of the plane and weights with sum w f = E_p[f]."""
    x, w = plane_nodes()
    return x, w * p.log_prob(x).exp()


def _pairs(p: GaussianMixture, n: int = 60) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs of data and noise on the line: x_0 (m, 1), eps (m, 1) and weights (m,)."""
    (z, w), K = normal_nodes(n), len(p.means)
    x_0 = (p.means + p.covs[:, 0].sqrt() * z).flatten()  # each component by its own nodes
    w_0 = (p.weights.unsqueeze(1) * w).flatten()
    return x_0.repeat_interleave(n).unsqueeze(1), z.repeat(K * n).unsqueeze(1), torch.outer(w_0, w).flatten()


def _one(value: Tensor) -> Tensor:
    return value.detach().reshape(1)


@twin(
    "6.1",
    r"\mathbf{s}(\mathbf{x}) = \nabla_{\mathbf{x}} \log p(\mathbf{x})",
    symbols="score x p grad",
    source=f"{HYVARINEN}, section 2",
)
def definition(g: torch.Generator) -> Sides:
    """Difference quotients of the log density of a mixture, and its score from the library."""
    p, x = _mixture(g), _randn(g, 6, 2)
    return Sides(differences(p.log_prob, x), p.score(x))


@twin(
    "6.2",
    r"\nabla_{\mathbf{x}} \log \frac{\tilde p(\mathbf{x})}{Z} = \nabla_{\mathbf{x}} \log \tilde p(\mathbf{x})",
    symbols="x grad p_tilde Z",
)
def without_normaliser(g: torch.Generator) -> Sides:
    """exp(-E) with E = x^4/4 - a x^2/2 - b x, divided by its integral, then p'/p from its values; and -E'(x)."""
    a, b, x = _randn(g, 1), _randn(g, 1), _randn(g, 6, 1)

    def unnormalised(y: Tensor) -> Tensor:
        return torch.exp(-(y**4) / 4 + a * y**2 / 2 + b * y)

    Z = integrate(unnormalised, -9, 9)
    slope = differences(lambda y: unnormalised(y[:, 0]) / Z, x, 0.005)
    return Sides(slope / (unnormalised(x) / Z), -(x**3) + a * x + b)


@twin(
    "6.3",
    r"\nabla_{\mathbf{x}} \log \mathcal{N}(\mathbf{x};\ \boldsymbol\mu, S) = -S^{-1}(\mathbf{x}-\boldsymbol\mu)",
    symbols="x grad N mu S",
)
def of_gaussian(g: torch.Generator) -> Sides:
    """Automatic differentiation of the log density, and the formula."""
    root, mean, x = _randn(g, 3, 3), _randn(g, 3), _randn(g, 5, 3).requires_grad_()
    cov = root @ root.mT + torch.eye(3, dtype=F64)
    slow = _gradient(FullGaussian(mean, cov).log_prob(x), x)
    return Sides(slow, -torch.linalg.solve(cov, (x.detach() - mean).mT).mT)


@twin(
    "6.4",
    r"\nabla_{\mathbf{x}} \log p(\mathbf{x}) = -\sum_k r_k(\mathbf{x})\, S_k^{-1}(\mathbf{x}-\boldsymbol\mu_k), \qquad r_k(\mathbf{x}) = \frac{w_k\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_k, S_k)}{\sum_j w_j\,\mathcal{N}(\mathbf{x};\ \boldsymbol\mu_j, S_j)}",
    symbols="x grad p mix N responsibility",
)
def of_mixture(g: torch.Generator) -> Sides:
    """Automatic differentiation of the log density, and the formula component by component."""
    p, x = _mixture(g), _randn(g, 6, 2)
    parts = [FullGaussian(m, S) for m, S in zip(p.means, p.covs, strict=True)]
    shares = p.weights * torch.stack([q.log_prob(x).exp() for q in parts], 1)
    pulls = torch.stack([-torch.linalg.solve(q.cov, (x - q.mean).mT).mT for q in parts], 1)
    return Sides(_log_gradient(p, x), ((shares / shares.sum(1, keepdim=True)).unsqueeze(2) * pulls).sum(1))


@twin(
    "6.5",
    r"\log p(\mathbf{b}) - \log p(\mathbf{a}) = \int_0^1 \nabla_{\mathbf{x}} \log p\big(\mathbf{a} + u(\mathbf{b}-\mathbf{a})\big)\cdot(\mathbf{b}-\mathbf{a})\, du",
    symbols="p grad u points",
)
def line_integral(g: torch.Generator) -> Sides:
    """The difference of the log densities, and the score added up along the straight line."""
    p, a, b = _mixture(g), _randn(g, 5, 2), _randn(g, 5, 2)
    u, w = interval_nodes(0, 1)
    on_line = a + u[:, None, None] * (b - a)
    along = (p.score(on_line.reshape(-1, 2)).reshape(on_line.shape) * (b - a)).sum(2)
    return Sides(p.log_prob(b) - p.log_prob(a), w @ along)


@twin(
    "6.6",
    r"J_{\mathrm{E}}(\boldsymbol\theta) = \tfrac12\, \mathbb{E}_{p}\big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) - \nabla_{\mathbf{x}} \log p(\mathbf{x})\big\|^2",
    symbols="J_E theta E p s_theta x grad",
    source=f"{HYVARINEN}, eq. 2",
)
def explicit(g: torch.Generator) -> Sides:
    """Data N(0, v) and the model -k x: the integral of the library's loss, and v (k - 1/v)^2 / 2."""
    v, k = _rand(g, 0.5, 2, 1), _rand(g, 0, 2, 1)
    z, w = normal_nodes()
    x = v.sqrt() * z.unsqueeze(1)
    slow = w @ losses.explicit(lambda y: -k * y, lambda y: -y / v, x)
    return Sides(_one(slow), 0.5 * v * (k - 1 / v) ** 2)


@twin(
    "6.7",
    r"\tfrac12\|\mathbf{s}-\mathbf{g}\|^2 = \tfrac12\|\mathbf{s}\|^2 - \mathbf{s}\cdot\mathbf{g} + \tfrac12\|\mathbf{g}\|^2",
    symbols="s_theta g",
)
def expanded(g: torch.Generator) -> Sides:
    """The library's explicit loss of two random vectors, and the three parts."""
    s, t = _randn(g, 5, 3), _randn(g, 5, 3)
    left = losses.explicit(lambda x: s, lambda x: t, torch.zeros_like(s))
    return Sides(left, 0.5 * (s**2).sum(1) - torch.einsum("bi,bi->b", s, t) + 0.5 * (t**2).sum(1))


@twin(
    "6.8",
    r"\mathbb{E}_{p}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log p\big] = \int \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\cdot\nabla_{\mathbf{x}}\, p(\mathbf{x})\, d\mathbf{x}",
    symbols="E p s_theta grad x",
)
def density_times_score(g: torch.Generator) -> Sides:
    """The expectation with the library's score, and the integral with the gradient of the density itself."""
    p, s = _mixture(g), _model(g, 2)
    (x, weighted), w = _plane(p), plane_nodes()[1]
    y = x.clone().requires_grad_()
    slope = _gradient(p.log_prob(y).exp(), y)
    return Sides(_one(weighted @ (s(x) * p.score(x)).sum(1)), _one(w @ (s(x) * slope).sum(1)))


@twin(
    "6.9",
    r"\int_a^b s(x)\,p'(x)\,dx = s(b)\,p(b) - s(a)\,p(a) - \int_a^b s'(x)\,p(x)\,dx",
    symbols="s_line p ends",
)
def by_parts(g: torch.Generator) -> Sides:
    """On a short interval, where the density has not died out at the ends; both integrals by quadrature."""
    p, (k, m) = _line(g), _randn(g, 2)
    x, w = interval_nodes(-0.7, 0.9)
    density = p.log_prob(x.unsqueeze(1)).exp()
    slope = density * p.score(x.unsqueeze(1))[:, 0]
    ends = torch.tensor([-0.7, 0.9], dtype=F64)
    at_ends = torch.sin(k * ends + m) * p.log_prob(ends.unsqueeze(1)).exp()
    moved = w @ (k * torch.cos(k * x + m) * density)
    return Sides(_one(w @ (torch.sin(k * x + m) * slope)), _one(at_ends[1] - at_ends[0] - moved))


def _divergence(s: losses.score.Score, x: Tensor) -> Tensor:
    """Trace of the Jacobian, one coordinate after the other."""
    x = x.detach().requires_grad_()
    columns = s(x).unbind(1)
    parts = [torch.autograd.grad(c.sum(), x, retain_graph=True)[0][:, i] for i, c in enumerate(columns)]
    return torch.stack(parts).sum(0)


@twin(
    "6.10",
    r"\mathbb{E}_{p}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log p\big] = -\,\mathbb{E}_{p}\Big[\operatorname{tr}\frac{\partial \mathbf{s}_{\boldsymbol\theta}}{\partial \mathbf{x}}\Big]",
    symbols="E p s_theta grad x trace",
    source=f"{HYVARINEN}, theorem 1",
)
def cross_term(g: torch.Generator) -> Sides:
    """Both expectations over a mixture in the plane by quadrature."""
    p, s = _mixture(g), _model(g, 2)
    x, w = _plane(p)
    return Sides(_one(w @ (s(x) * p.score(x)).sum(1)), _one(-w @ _divergence(s, x)))


@twin(
    "6.10e",
    r"\mathbb{E}_{p}\big[s_\theta\, (\log p)'\big] = -\,\mathbb{E}_{p}\big[s_\theta'\big] \quad\text{for } p(x) = e^{-x},\ x \ge 0",
    symbols="E p s_line",
    erratum="This density does not vanish at its end x = 0, so the boundary term -s(0) p(0) stays.",
)
def at_a_hard_edge(g: torch.Generator) -> Sides:
    """The model s(x) = k + m x on exponential data: its score is -1 everywhere.  Both sides by quadrature."""
    k, m = 0.5 + torch.rand(2, generator=g, dtype=F64)
    x, w = interval_nodes(0, 60, 200)
    density = torch.exp(-x)
    return Sides(_one(w @ (density * -(k + m * x))), _one(-w @ (density * m)))


@twin(
    "6.11",
    r"J_{\mathrm{E}}(\boldsymbol\theta) = \underbrace{\mathbb{E}_{p}\Big[\tfrac12\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\|^2 + \operatorname{tr}\frac{\partial \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})}{\partial \mathbf{x}}\Big]}_{J_{\mathrm{I}}(\boldsymbol\theta)} + \tfrac12\,\mathbb{E}_{p}\|\nabla_{\mathbf{x}} \log p(\mathbf{x})\|^2",
    symbols="J_E J_I theta E p s_theta x grad trace",
    source=f"{HYVARINEN}, eq. 4",
)
def implicit(g: torch.Generator) -> Sides:
    """The explicit loss against the implicit loss plus the constant, both from the library, by quadrature."""
    p, s = _mixture(g), _model(g, 2)
    x, w = _plane(p)
    constant = 0.5 * w @ (p.score(x) ** 2).sum(1)
    return Sides(_one(w @ losses.explicit(s, p.score, x)), _one(w @ losses.implicit(s, x) + constant))


@twin(
    "6.12",
    r"\mathbb{E}_{p}\big[\nabla_{\mathbf{x}} \log p(\mathbf{x})\ \mathbf{x}^{\top}\big] = -\mathbf{I}",
    symbols="E p grad x I",
)
def stein(g: torch.Generator) -> Sides:
    """The matrix of all products by quadrature, and minus the identity."""
    p = _mixture(g)
    x, w = _plane(p)
    return Sides(torch.einsum("b,bi,bj->ij", w, p.score(x), x), -torch.eye(2, dtype=F64))


@twin(
    "6.13",
    r"\boldsymbol\theta^{\ast} = -G^{-1}\mathbf{h}, \qquad G = \mathbb{E}_{p}\big[\boldsymbol\varphi(x)\,\boldsymbol\varphi(x)^{\top}\big], \quad \mathbf{h} = \mathbb{E}_{p}\big[\boldsymbol\varphi'(x)\big]",
    symbols="theta G h phi E p",
)
def linear_fit(g: torch.Generator) -> Sides:
    """Least squares of the true score on x^0 .. x^3, and the formula that never sees the score."""
    p = _line(g)
    x = torch.linspace(-9, 9, 1001, dtype=F64)
    w = p.log_prob(x.unsqueeze(1)).exp() * float(x[1] - x[0])
    phi = torch.stack([x**j for j in range(4)], 1)
    slopes = torch.stack([torch.zeros_like(x), torch.ones_like(x), 2 * x, 3 * x**2], 1)
    root = w.sqrt().unsqueeze(1)
    regression = torch.linalg.lstsq(root * phi, root * p.score(x.unsqueeze(1))).solution[:, 0]
    return Sides(regression, -torch.linalg.solve(phi.mT @ (w.unsqueeze(1) * phi), w @ slopes))


def _signs(d: int) -> Tensor:
    """All 2^d vectors of signs, (2^d, d): together their mean of v v^T is the identity."""
    return torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=F64)] * d)


@twin(
    "6.14",
    r"\operatorname{tr} A = \mathbb{E}_{\mathbf{v}}\big[\mathbf{v}^{\top} A\, \mathbf{v}\big] \qquad\text{if } \mathbb{E}_{\mathbf{v}}[\mathbf{v}\mathbf{v}^{\top}] = \mathbf{I}",
    symbols="A v E I",
    source="Hutchinson 1989",
)
def random_trace(g: torch.Generator) -> Sides:
    """The trace, and the mean over all vectors of signs, one after the other."""
    A, signs = _randn(g, 4, 4), _signs(4)
    total = sum(float(v @ A @ v) for v in signs) / len(signs)
    return Sides(_one(A.trace()), torch.tensor([total], dtype=F64))


@twin(
    "6.15",
    r"\mathbb{E}_{\mathbf{v}}\big[(\mathbf{v}\cdot\mathbf{s})^2\big] = \|\mathbf{s}\|^2 \qquad\text{if } \mathbb{E}_{\mathbf{v}}[\mathbf{v}\mathbf{v}^{\top}] = \mathbf{I}",
    symbols="v E s_theta I",
)
def random_norm(g: torch.Generator) -> Sides:
    """Normal directions this time: the mean by quadrature, and the norm."""
    s = _randn(g, 5, 3)
    v, w = normal_grid(3)
    return Sides(((s @ v.mT) ** 2) @ w, (s**2).sum(1))


@twin(
    "6.16",
    r"J_{\mathrm{S}}(\boldsymbol\theta) = \mathbb{E}_{p}\,\mathbb{E}_{\mathbf{v}}\Big[\mathbf{v}^{\top}\frac{\partial \mathbf{s}_{\boldsymbol\theta}(\mathbf{x})}{\partial \mathbf{x}}\,\mathbf{v} + \tfrac12\big(\mathbf{v}\cdot\mathbf{s}_{\boldsymbol\theta}(\mathbf{x})\big)^2\Big] = J_{\mathrm{I}}(\boldsymbol\theta)",
    symbols="J_S J_I theta E p v s_theta x",
    source="Song et al. 2019",
)
def sliced(g: torch.Generator) -> Sides:
    """At random points in three dimensions: the library's sliced loss along all signs, and 1/2 s^2 + full trace."""
    s, x = _model(g, 3), _randn(g, 5, 3)
    directions = _signs(3).unsqueeze(1).expand(8, 5, 3)
    left = losses.sliced(s, x, directions=directions, variance_reduced=False)
    return Sides(left.detach(), 0.5 * (s(x) ** 2).sum(1) + _divergence(s, x))


@twin(
    "6.17",
    r"q_\sigma(\mathbf{x}) = \int \mathcal{N}(\mathbf{x};\ \mathbf{x}_0, \sigma^2\mathbf{I})\; p(\mathbf{x}_0)\, d\mathbf{x}_0, \qquad \mathbf{x} = \mathbf{x}_0 + \sigma\boldsymbol\varepsilon",
    symbols="q_sigma x N x_0 sigma I p eps",
    source=f"{VINCENT}, section 4.2",
)
def noisy_density(g: torch.Generator) -> Sides:
    """The integral over x_0 on a grid, and the widened mixture of the library."""
    p, sigma, x = _line(g), float(_rand(g, 0.3, 1.0)), _randn(g, 6)

    def integrand(x_0: Tensor) -> Tensor:
        kernel = torch.distributions.Normal(x_0.unsqueeze(1), sigma).log_prob(x)
        return torch.exp(kernel + p.log_prob(x_0.unsqueeze(1)).unsqueeze(1))

    return Sides(integrate(integrand, -12, 12), p.log_prob(x.unsqueeze(1), 1.0, sigma).exp())


@twin(
    "6.18",
    r"\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}\mid\mathbf{x}_0) = -\frac{\mathbf{x}-\mathbf{x}_0}{\sigma^2} = -\frac{\boldsymbol\varepsilon}{\sigma}",
    symbols="grad q_sigma x x_0 sigma eps",
    source=f"{VINCENT}, eq. 10",
)
def kernel_score(g: torch.Generator) -> Sides:
    """Automatic differentiation of the log of the kernel, and minus the noise over sigma."""
    x_0, eps, sigma = _randn(g, 5, 3), _randn(g, 5, 3), float(_rand(g, 0.3, 1.0))
    x = (x_0 + sigma * eps).requires_grad_()
    kernel = FullGaussian(x_0, sigma**2 * torch.eye(3, dtype=F64))
    return Sides(_gradient(kernel.log_prob(x), x), -eps / sigma)


@twin(
    "6.19",
    r"\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}) = \mathbb{E}\big[\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x}\mid\mathbf{x}_0)\,\big|\,\mathbf{x}\big]",
    symbols="grad q_sigma x E x_0",
)
def average_kernel_score(g: torch.Generator) -> Sides:
    """Automatic differentiation of log q_sigma, and the integral over q(x_0 | x) by Bayes on a grid."""
    p, sigma, x = _line(g), float(_rand(g, 0.3, 1.0)), _randn(g, 6)

    def joint(x_0: Tensor) -> Tensor:
        kernel = torch.distributions.Normal(x_0.unsqueeze(1), sigma).log_prob(x)
        together = torch.exp(kernel + p.log_prob(x_0.unsqueeze(1)).unsqueeze(1))
        return torch.stack([together, together * (x_0.unsqueeze(1) - x) / sigma**2], 1)

    evidence, pull = integrate(joint, -12, 12)
    return Sides(_log_gradient(p, x.unsqueeze(1), 1.0, sigma)[:, 0], pull / evidence)


@twin(
    "6.20",
    r"\mathbb{E}_{q_\sigma(\mathbf{x})}\big[\mathbf{s}_{\boldsymbol\theta}\cdot\nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x})\big] = \mathbb{E}_{\mathbf{x}_0, \boldsymbol\varepsilon}\Big[\mathbf{s}_{\boldsymbol\theta}\cdot\Big(-\frac{\boldsymbol\varepsilon}{\sigma}\Big)\Big]",
    symbols="E q_sigma x s_theta grad x_0 eps sigma",
    source=f"{VINCENT}, appendix",
)
def cross_terms_agree(g: torch.Generator) -> Sides:
    """The left side over noisy points alone, the right side over pairs of data and noise."""
    p, sigma = _line(g), float(_rand(g, 0.5, 1.0))
    k, m = _randn(g, 2)
    left = integrate(
        lambda x: p.log_prob(x[:, None], 1.0, sigma).exp() * (k * x + m * x**3) * p.score(x[:, None], 1.0, sigma)[:, 0],
        -14,
        14,
    )
    x_0, eps, w = _pairs(p)
    x = x_0 + sigma * eps
    return Sides(_one(left), _one(w @ ((k * x + m * x**3) * -eps / sigma)[:, 0]))


def _cubic(g: torch.Generator) -> losses.score.Score:
    k, m, c = _randn(g, 3)
    return lambda x: c + k * x + m * x**3


@twin(
    "6.21",
    r"J_{\mathrm{D}}(\boldsymbol\theta) = \tfrac12\,\mathbb{E}_{\mathbf{x}_0, \boldsymbol\varepsilon}\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_0 + \sigma\boldsymbol\varepsilon) + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2 = \tfrac12\,\mathbb{E}_{q_\sigma}\big\|\mathbf{s}_{\boldsymbol\theta} - \nabla_{\mathbf{x}} \log q_\sigma\big\|^2 + C_\sigma",
    symbols="J_D theta E x_0 eps s_theta sigma q_sigma grad C_sigma",
    source=f"{VINCENT}, eq. 9 and 11",
)
def denoising(g: torch.Generator) -> Sides:
    """The library's denoising loss over pairs; its explicit loss over noisy points, plus the constant of (6.22)."""
    p, sigma, s = _line(g), float(_rand(g, 0.5, 1.0)), _cubic(g)
    x_0, eps, w = _pairs(p)
    x = torch.linspace(-14, 14, 4001, dtype=F64).unsqueeze(1)
    weight = p.log_prob(x, 1.0, sigma).exp() * float(x[1] - x[0])
    score = p.score(x, 1.0, sigma)
    constant = 0.5 * (1 / sigma**2 - weight @ (score**2).sum(1))
    explicit_part = weight @ losses.explicit(s, lambda y: p.score(y, 1.0, sigma), x)
    return Sides(_one(w @ losses.denoising(s, x_0, sigma, noise=eps)), _one(explicit_part + constant))


@twin(
    "6.22",
    r"C_\sigma = \tfrac12\Big(\frac{d}{\sigma^2} - \mathbb{E}_{q_\sigma}\|\nabla_{\mathbf{x}} \log q_\sigma\|^2\Big) = \frac{1}{2\sigma^4}\,\mathbb{E}_{q_\sigma}\big[\operatorname{tr}\operatorname{Cov}[\mathbf{x}_0\mid\mathbf{x}]\big] \ge 0",
    symbols="C_sigma d sigma E q_sigma grad Cov x_0 x",
)
def constant(g: torch.Generator) -> Sides:
    """In the plane by quadrature: from the score, and from the covariance of the library's posterior."""
    p, sigma = _mixture(g), float(_rand(g, 0.5, 1.0))
    x, w = plane_nodes(14.0, 241)
    w = w * p.log_prob(x, 1.0, sigma).exp()
    left = 0.5 * (2 / sigma**2 - w @ (p.score(x, 1.0, sigma) ** 2).sum(1))
    q = p.posterior(x, 1.0, sigma)
    traces = q.covs.diagonal(dim1=2, dim2=3).sum(2) + (q.means**2).sum(2)
    total = (q.weights * traces).sum(1) - (q.mean**2).sum(1)
    return Sides(_one(left), _one(w @ total / (2 * sigma**4)))


@twin(
    "6.23",
    r"C_\sigma = \tfrac12 \sum_{i=1}^{d} \frac{v_i}{\sigma^2\,(v_i + \sigma^2)} \qquad\text{for data } \mathcal{N}(\boldsymbol\mu, \operatorname{diag}(v_1, \dots, v_d))",
    symbols="C_sigma d v_i sigma N mu",
)
def gaussian_floor(g: torch.Generator) -> Sides:
    """The library's denoising loss of the true score, by quadrature over data and noise; and the formula."""
    v, sigma, mean = _rand(g, 0.2, 2, 2), float(_rand(g, 0.3, 1.0)), _randn(g, 2)
    z, w = normal_grid(4)
    x_0, eps = mean + v.sqrt() * z[:, :2], z[:, 2:]
    slow = w @ losses.denoising(lambda x: -(x - mean) / (v + sigma**2), x_0, sigma, noise=eps)
    return Sides(_one(slow), _one(0.5 * (v / (sigma**2 * (v + sigma**2))).sum()))


@twin(
    "6.24",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \mathbf{x} + \sigma^2\, \nabla_{\mathbf{x}} \log q_\sigma(\mathbf{x})",
    symbols="E x_0 x sigma grad q_sigma",
    source="Robbins 1956; Efron 2011",
)
def tweedie(g: torch.Generator) -> Sides:
    """The posterior mean by Bayes on a grid, and the formula with automatic differentiation."""
    p, sigma, x = _line(g), float(_rand(g, 0.3, 1.0)), _randn(g, 6)
    mean, _ = _posterior_moments(p, sigma, x)
    return Sides(mean, x + sigma**2 * _log_gradient(p, x.unsqueeze(1), 1.0, sigma)[:, 0])


def _posterior_moments(p: GaussianMixture, sigma: float, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of x_0 given x on the line, by Bayes on a grid.  x: (n,)."""

    def joint(x_0: Tensor) -> Tensor:
        kernel = torch.distributions.Normal(x_0.unsqueeze(1), sigma).log_prob(x)
        together = torch.exp(kernel + p.log_prob(x_0.unsqueeze(1)).unsqueeze(1))
        return torch.stack([together * x_0.unsqueeze(1) ** k for k in range(3)], 1)

    zero, one, two = integrate(joint, -12, 12)
    return one / zero, two / zero - (one / zero) ** 2


@twin(
    "6.25",
    r"\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}] = \sigma^2\mathbf{I} + \sigma^4\, \nabla_{\mathbf{x}}^2 \log q_\sigma(\mathbf{x})",
    symbols="Cov x_0 x sigma I grad q_sigma",
    source="Efron 2011",
)
def second_order(g: torch.Generator) -> Sides:
    """On the line: the posterior variance by Bayes on a grid, and the curvature from the library's oracle."""
    p, sigma, x = _line(g), float(_rand(g, 0.3, 1.0)), _randn(g, 6)
    _, variance = _posterior_moments(p, sigma, x)
    curvature = p.score_jacobian(x.unsqueeze(1), 1.0, sigma)[:, 0, 0]
    return Sides(variance, sigma**2 + sigma**4 * curvature)


@twin(
    "6.26",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \frac{\mathbf{x}_t + (1-\bar\alpha_t)\,\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t)}{\sqrt{\bar\alpha_t}}",
    symbols="E x_0 x_t alpha_bar grad q",
)
def tweedie_scaled(g: torch.Generator) -> Sides:
    """On the three bumps at every t: the denoiser of the library's posterior, and the formula with autograd."""
    p, s, x = bumps(), _schedule(g), _randn(g, 10, 1)
    levels = s.alpha_bar[1:].sqrt(), s.noise_var[1:].sqrt()
    y = x.clone().requires_grad_()
    score = _gradient(p.log_prob(y, *levels), y)
    ab = s.alpha_bar[1:].unsqueeze(1)
    return Sides(p.posterior(x, *levels).mean, (x + (1 - ab) * score) / ab.sqrt())


def _mean_noise(g: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Score of the noisy bumps by autograd, E[eps | x_t] by Bayes on a grid, and 1 - alpha_bar_t, at random points."""
    p, s, x, t = bumps(), _schedule(g), _randn(g, 6), 5
    a, sd = float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt())

    def joint(x_0: Tensor) -> Tensor:
        kernel = torch.distributions.Normal(a * x_0.unsqueeze(1), sd).log_prob(x)
        together = torch.exp(kernel + p.log_prob(x_0.unsqueeze(1)).unsqueeze(1))
        return torch.stack([together, together * (x - a * x_0.unsqueeze(1)) / sd], 1)

    evidence, noise = integrate(joint, -8, 8)
    return _log_gradient(p, x.unsqueeze(1), a, sd)[:, 0], noise / evidence, s.noise_var[t]


@twin(
    "6.27",
    r"\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t) = -\frac{\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]}{\sqrt{1-\bar\alpha_t}}, \qquad \mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_t, t) = -\frac{\boldsymbol\varepsilon_{\boldsymbol\theta}(\mathbf{x}_t, t)}{\sqrt{1-\bar\alpha_t}}",
    symbols="grad x_t q E eps alpha_bar s_theta eps_theta t",
    source="Song et al. 2021",
)
def score_and_noise(g: torch.Generator) -> Sides:
    """The score by automatic differentiation, and the mean noise by Bayes on a grid."""
    score, noise, variance = _mean_noise(g)
    return Sides(score, -noise / variance.sqrt())


@twin(
    "6.27e",
    r"\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t) = -\frac{\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]}{1-\bar\alpha_t}",
    symbols="grad x_t q E eps alpha_bar",
    erratum="The root is missing: the noise is divided by its standard deviation, not by its variance.",
)
def score_and_noise_without_root(g: torch.Generator) -> Sides:
    """The same with the variance below the line."""
    score, noise, variance = _mean_noise(g)
    return Sides(score, -noise / variance)


@twin(
    "6.28",
    r"\mathbb{E}\|\mathbf{x}_0 - \mathbf{r}(\mathbf{x})\|^2 = \mathbb{E}\big\|\mathbf{x}_0 - \mathbb{E}[\mathbf{x}_0\mid\mathbf{x}]\big\|^2 + \mathbb{E}\big\|\mathbf{r}(\mathbf{x}) - \mathbb{E}[\mathbf{x}_0\mid\mathbf{x}]\big\|^2",
    symbols="E x_0 r x",
)
def pythagoras(g: torch.Generator) -> Sides:
    """The library's autoencoder loss over pairs; posterior variance and distance to the denoiser over noisy points."""
    p, sigma, r = _line(g), float(_rand(g, 0.5, 1.0)), _cubic(g)
    x_0, eps, w = _pairs(p)
    x = torch.linspace(-14, 14, 4001, dtype=F64).unsqueeze(1)
    weight = p.log_prob(x, 1.0, sigma).exp() * float(x[1] - x[0])
    q = p.posterior(x, 1.0, sigma)
    spread = (q.weights * (q.covs[..., 0, 0] + q.means[..., 0] ** 2)).sum(1) - q.mean[:, 0] ** 2
    right = weight @ (spread + (r(x) - q.mean)[:, 0] ** 2)
    return Sides(_one(w @ losses.denoising_autoencoder(r, x_0, sigma, noise=eps)), _one(right))


@twin(
    "6.29",
    r"\mathbf{r}(\mathbf{x}) = \mathbf{x} + \sigma^2\,\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) \quad\Longrightarrow\quad \|\mathbf{x}_0 - \mathbf{r}(\mathbf{x})\|^2 = 2\sigma^4 \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}) + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2",
    symbols="r x sigma s_theta x_0 eps",
    source=f"{VINCENT}, section 4",
)
def autoencoder_is_score_matching(g: torch.Generator) -> Sides:
    """The library's autoencoder loss of r, and its denoising loss of s, on the same data and noise."""
    s, x_0, eps, sigma = _model(g, 3), _randn(g, 5, 3), _randn(g, 5, 3), float(_rand(g, 0.3, 1.0))
    left = losses.denoising_autoencoder(lambda x: x + sigma**2 * s(x), x_0, sigma, noise=eps)
    return Sides(left, 2 * sigma**4 * losses.denoising(s, x_0, sigma, noise=eps))


@twin(
    "6.30",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \sum_i \frac{v_i}{v_i + \sigma^2}\, \mathbf{u}_i \mathbf{u}_i^{\top} \mathbf{x} \qquad\text{for data } \mathcal{N}\Big(\mathbf{0},\ \sum_i v_i\,\mathbf{u}_i\mathbf{u}_i^{\top}\Big)",
    symbols="E x_0 x v_i u_i sigma N",
)
def flat_manifold(g: torch.Generator) -> Sides:
    """Data in a plane of four dimensions: the joint Gaussian of (x_0, x) conditioned on x, and the formula."""
    U, v, sigma = torch.linalg.qr(_randn(g, 4, 4))[0][:, :2], _rand(g, 0.5, 2, 2), float(_rand(g, 0.3, 1.0))
    cov, x = U @ torch.diag(v) @ U.mT, _randn(g, 5, 4)
    noisy = cov + sigma**2 * torch.eye(4, dtype=F64)
    joint = FullGaussian(torch.zeros(8, dtype=F64), torch.cat([torch.cat([cov, cov], 1), torch.cat([cov, noisy], 1)]))
    slow = torch.stack([joint.condition([4, 5, 6, 7], row).mean for row in x])
    return Sides(slow, x @ (U * (v / (v + sigma**2))) @ U.mT)


@twin(
    "6.31",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = R\,\frac{I_1(\kappa)}{I_0(\kappa)}\,\frac{\mathbf{x}}{\|\mathbf{x}\|}, \qquad \kappa = \frac{R\,\|\mathbf{x}\|}{\sigma^2} \qquad\text{for data even on a circle of radius } R",
    symbols="E x_0 x R bessel kappa sigma",
)
def circle(g: torch.Generator) -> Sides:
    """The posterior mean by adding up over the circle, and the formula with Bessel functions."""
    R, sigma, x = float(_rand(g, 0.8, 1.5)), float(_rand(g, 0.3, 1.0)), _randn(g, 5, 2)
    angle = torch.arange(4000, dtype=F64) * (2 * torch.pi / 4000)
    points = R * torch.stack([angle.cos(), angle.sin()], 1)
    weights = torch.softmax(-((x.unsqueeze(1) - points) ** 2).sum(2) / (2 * sigma**2), 1)
    radius = x.norm(dim=1, keepdim=True)
    kappa = R * radius / sigma**2
    return Sides(weights @ points, R * torch.special.i1e(kappa) / torch.special.i0e(kappa) * x / radius)


@twin(
    "6.32",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}] = \sum_{n=1}^{N} \pi_n(\mathbf{x})\, \mathbf{x}^{(n)}, \qquad \pi_n(\mathbf{x}) = \frac{\exp\big(-\|\mathbf{x}-\mathbf{x}^{(n)}\|^2/2\sigma^2\big)}{\sum_m \exp\big(-\|\mathbf{x}-\mathbf{x}^{(m)}\|^2/2\sigma^2\big)}",
    symbols="E x_0 x pi_n x_n sigma N_data",
)
def data_set(g: torch.Generator) -> Sides:
    """Tweedie's formula with autograd on the mixture of kernels around the data points, and the weighted mean."""
    points, sigma, x = _randn(g, 7, 3), float(_rand(g, 0.3, 1.0)), _randn(g, 5, 3)
    kernels = GaussianMixture.isotropic(torch.full((7,), 1 / 7, dtype=F64), points, sigma**2)
    weights = torch.exp(-((x.unsqueeze(1) - points) ** 2).sum(2) / (2 * sigma**2))
    return Sides(x + sigma**2 * _log_gradient(kernels, x), weights @ points / weights.sum(1, keepdim=True))


@twin(
    "6.33",
    r"\sigma^2 \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta} + \frac{\boldsymbol\varepsilon}{\sigma}\Big\|^2 = \tfrac12\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}\|^2 \qquad\text{with } \boldsymbol\varepsilon_{\boldsymbol\theta} = -\sigma\,\mathbf{s}_{\boldsymbol\theta}",
    symbols="sigma s_theta eps eps_theta",
    source="Song & Ermon 2019, section 4.2",
)
def weight_makes_noise(g: torch.Generator) -> Sides:
    """The library's denoising loss at three levels, weighted; and the squared error of the noise."""
    s, x_0, eps = _model(g, 3), _randn(g, 6, 3), _randn(g, 6, 3)
    sigma = _rand(g, 0.1, 2.0, 6)
    guess = -sigma.unsqueeze(1) * s(x_0 + sigma.unsqueeze(1) * eps)
    left = sigma**2 * losses.denoising(s, x_0, sigma, noise=eps)
    return Sides(left, 0.5 * ((eps - guess) ** 2).sum(1))


@twin(
    "6.34",
    r"\frac{1}{T}\sum_{t=1}^{T} (1-\bar\alpha_t)\,\mathbb{E}\Big\|\mathbf{s}_{\boldsymbol\theta}(\mathbf{x}_t, t) + \frac{\boldsymbol\varepsilon}{\sqrt{1-\bar\alpha_t}}\Big\|^2 = \frac{1}{T}\sum_{t=1}^{T} \mathbb{E}\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}(\mathbf{x}_t, t)\|^2",
    symbols="T t alpha_bar E s_theta x_t eps eps_theta",
    source=f"{HO}, section 3.2",
)
def all_levels(g: torch.Generator) -> Sides:
    """The library's multilevel score loss (twice, for its half) and the mean of its simple loss, data and noise alike."""
    s, net, x_0, eps = _schedule(g), _model(g, 2), _randn(g, 4, 2), _randn(g, 10, 4, 2)
    sigmas = s.noise_var[1:].sqrt()

    def noise_of(x: Tensor, t: Tensor) -> Tensor:
        return net(x) * (1 + 0.1 * t.unsqueeze(1))

    left = 2 * losses.multilevel(
        lambda x, i: -noise_of(x, i + 1) / sigmas[i].unsqueeze(1), x_0, sigmas, alphas=s.alpha_bar[1:].sqrt(), noise=eps
    )
    each = [losses.simple(noise_of, s, x_0, t, noise=eps[t - 1]) for t in range(1, 11)]
    return Sides(left, torch.stack(each).mean(0))


@twin(
    "6.35",
    r"\frac{\beta_t^2}{2\sigma_t^2\,\alpha_t\,(1-\bar\alpha_t)}\,\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_{\boldsymbol\theta}\|^2 = \frac{\beta_t^2}{\sigma_t^2\,\alpha_t} \cdot \tfrac12\Big\|\mathbf{s}_{\boldsymbol\theta} + \frac{\boldsymbol\varepsilon}{\sqrt{1-\bar\alpha_t}}\Big\|^2",
    symbols="beta sigma_t alpha alpha_bar eps eps_theta s_theta",
    source=f"{HO}, eq. 12",
)
def bound_weight(g: torch.Generator) -> Sides:
    """The library's weights of the bound times its simple loss, and the formula on its denoising loss; every t."""
    s, net, x_0, eps = _schedule(g), _model(g, 2), _randn(g, 3, 2), _randn(g, 3, 2)
    lam, left, right = elbo.weights(s, "beta"), [], []
    for t in range(1, s.T + 1):
        a, sd = float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt())
        left.append(lam[t] * losses.simple(lambda x, _: net(x), s, x_0, t, noise=eps))
        score_loss = losses.denoising(lambda x, sd=sd: -net(x) / sd, x_0, sd, alpha=a, noise=eps)  # type: ignore[misc]
        right.append(s.beta[t] ** 2 / (s.beta[t] * s.alpha[t]) * score_loss)
    return Sides(torch.stack(left), torch.stack(right))
