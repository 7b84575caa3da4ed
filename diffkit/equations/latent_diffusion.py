r"""Lesson 12, latent diffusion and other corruptions: the numbered equations (12.1) to (12.17) as functions.

They run on the one case where everything is known: codes on the line, a decoder that is a straight line with Gaussian
noise, and a chain of Gaussian steps as prior.  The other half stands in `latent_corruptions`.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from diffkit import latent
from diffkit.equations import chains
from diffkit.equations.grids import interval_nodes
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.forward import kl_to_prior, q_marginal, q_posterior
from diffkit.gaussian import LOG_2PI, FullGaussian, Gaussian, kl
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule

VAHDAT = "Vahdat et al. 2021"
F64 = torch.float64


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=F64)


def _uniform(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    return low + (high - low) * torch.rand(*shape, generator=g, dtype=F64)


def _number(g: torch.Generator, low: float, high: float) -> float:
    return float(_uniform(g, low, high, 1))


class _Line:
    """x = w z + b + noise of variance s2; encoders N(m, v) for four data points; a random chain as prior."""

    def __init__(self, g: torch.Generator) -> None:
        self.w, self.b, self.s2 = _number(g, 0.5, 1.5), _number(g, -1, 1), _number(g, 0.2, 0.8)
        self.x, self.m, self.v = _randn(g, 4), _randn(g, 4), _uniform(g, 0.2, 0.9, 4)
        self.chain, self.schedule = chains.random_chain(g, 4), chains.random_schedule(g, 4)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        return chains.log_normal(x, self.w * z + self.b, self.s2)

    def prior(self, standard: bool) -> tuple[float, float]:
        """Mean and variance of p(z): N(0, 1), or what the chain makes."""
        whole = chains.joint_p(self.chain)
        return (0.0, 1.0) if standard else (float(whole.mean[0]), float(whole.cov[0, 0]))

    def log_evidence(self, standard: bool) -> Tensor:
        """log p(x), exactly: a line of a Gaussian is a Gaussian."""
        mean, var = self.prior(standard)
        return chains.log_normal(self.x, self.w * mean + self.b, self.w**2 * var + self.s2)

    def posterior(self, standard: bool) -> Gaussian:
        """p(z | x) by adding precisions."""
        mean, var = self.prior(standard)
        precision = 1 / var + self.w**2 / self.s2
        return Gaussian(
            (mean / var + self.w * (self.x - self.b) / self.s2) / precision, torch.tensor(1 / precision, dtype=F64)
        )

    def codes(self) -> tuple[Tensor, Tensor]:
        """Codes at the nodes of a quadrature, (nodes, 4), and the weights."""
        z, w = normal_nodes(8)
        return self.m + self.v.sqrt() * z.unsqueeze(1), w

    def predictor(self, x: Tensor, t: Tensor) -> Tensor:
        """The noise that makes the mean of the library's reverse step equal to the chain's a_t x + b_t."""
        s, c = self.schedule, self.chain
        at = [table[t].unsqueeze(1) for table in (s.alpha.sqrt(), s.noise_var.sqrt(), s.beta, c.a, c.b)]
        return (x - at[0] * (at[3] * x + at[4])) * at[1] / at[2]

    def joint(self) -> Tensor:
        """The library's joint bound, averaged over a grid of (noise of the code, noise of the chain).  Returns (4,)."""
        noise, w = normal_grid(2)
        T, n = self.schedule.T, len(w)
        draws = torch.stack([noise[:, 0], *[noise[:, 1]] * T]).repeat(1, 4).unsqueeze(2)
        m, v, x = (a.repeat_interleave(n).unsqueeze(1) for a in (self.m, self.v, self.x))
        bound = latent.joint_bound(
            lambda _: Gaussian(m, v),
            lambda x, z: self.log_likelihood(x, z).squeeze(1),
            self.predictor,
            self.schedule,
            x,
            sigma=self.chain.var,
            noise=draws,
        )
        return bound.total.reshape(4, n) @ w


@twin(
    "12.1",
    r"-\log p(\mathbf{x}) \le \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z})\right] + \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[\log q_\phi(\mathbf{z} \mid \mathbf{x})\right] + \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\psi(\mathbf{z})\right]",
    symbols="lat_x lat_z lat_q lat_p lat_prior E",
    source=f"{VAHDAT}, eq. 1",
    relation="<=",
)
def three_terms(g: torch.Generator) -> Sides:
    """On the line with p(z) = N(0, 1): the exact likelihood, and the three expectations by quadrature."""
    model = _Line(g)
    z, w = model.codes()
    inside = -model.log_likelihood(model.x, z) + chains.log_normal(z, model.m, model.v) - chains.log_normal(z, 0.0, 1.0)
    return Sides(-model.log_evidence(standard=True), w @ inside)


@twin(
    "12.2",
    r"\mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[\log q_\phi(\mathbf{z} \mid \mathbf{x})\right] = -H\!\left[q_\phi(\mathbf{z} \mid \mathbf{x})\right] = -\tfrac12 \sum_i \log\!\left(2\pi e\,\sigma_i^2\right)",
    symbols="lat_q lat_H lat_musigma E",
)
def negative_entropy(g: torch.Generator) -> Sides:
    """The log density at the nodes of a quadrature in three dimensions, and the formula."""
    mean, var = _randn(g, 3), _uniform(g, 0.2, 2, 3)
    noise, w = normal_grid(3)
    values = Gaussian(mean.expand(len(w), 3), var.expand(len(w), 3)).log_prob(mean + var.sqrt() * noise)
    return Sides((w @ values).reshape(1), -0.5 * torch.log(2 * math.pi * math.e * var).sum().reshape(1))


@twin(
    "12.3",
    r"\mathbb{E}_{\mathcal{N}(z;\, m, v)}\!\left[-\log \mathcal{N}(x;\ w z + b,\ s^2)\right] = \tfrac12\left[\frac{(x - w m - b)^2 + w^2 v}{s^2} + \log(2\pi s^2)\right]",
    symbols="lat_mv lat_lin N E",
)
def exact_reconstruction(g: torch.Generator) -> Sides:
    """By quadrature, and by the formula, for four data points."""
    model = _Line(g)
    z, weights = model.codes()
    off = model.x - model.w * model.m - model.b
    formula = 0.5 * ((off**2 + model.w**2 * model.v) / model.s2 + math.log(2 * math.pi * model.s2))
    return Sides(weights @ -model.log_likelihood(model.x, z), formula)


@twin(
    "12.4",
    r"\mathbb{E}_{\mathcal{N}(z;\, m, v)}\!\left[-\log \mathcal{N}(z;\ 0, 1)\right] = \tfrac12\left[m^2 + v + \log(2\pi)\right]",
    symbols="lat_mv N E",
)
def exact_cross_entropy(g: torch.Generator) -> Sides:
    """An integral over the line, and the formula."""
    m, v = _randn(g, 4), _uniform(g, 0.2, 0.9, 4)

    def inside(z: Tensor) -> Tensor:
        z = z.unsqueeze(1)
        return torch.exp(chains.log_normal(z, m, v)) * -chains.log_normal(z, 0.0, 1.0)

    return Sides(integrate(inside, -14, 14), 0.5 * (m**2 + v + LOG_2PI))


@twin(
    "12.5",
    r"\mathbb{E}_{q(\mathbf{x})}\,\mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\psi(\mathbf{z})\right] = H\!\left[q_\phi(\mathbf{z})\right] + D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z})\,\|\,p_\psi(\mathbf{z})\right), \qquad q_\phi(\mathbf{z}) = \mathbb{E}_{q(\mathbf{x})}\!\left[q_\phi(\mathbf{z} \mid \mathbf{x})\right]",
    symbols="lat_q lat_agg lat_prior lat_H KL E",
    source=VAHDAT,
)
def aggregate(g: torch.Generator) -> Sides:
    """Four data points: the mean of (12.4) over them, and entropy and divergence of the mixture of their codes."""
    m, v = _randn(g, 4), _uniform(g, 0.2, 0.9, 4)
    codes = GaussianMixture.isotropic(torch.full((4,), 0.25, dtype=F64), m.unsqueeze(1), v)

    def inside(z: Tensor) -> Tensor:
        log_q = codes.log_prob(z.unsqueeze(1))
        ratio = log_q - chains.log_normal(z, 0.0, 1.0)
        return torch.exp(log_q).unsqueeze(1) * torch.stack([-log_q, ratio], 1)

    return Sides((0.5 * (m**2 + v + LOG_2PI)).mean().reshape(1), integrate(inside, -14, 14).sum().reshape(1))


def _chain_bound(s: Schedule, c: chains.Chain, z_0: Tensor) -> Tensor:
    """L_T + sum of L_{t-1} + L_0 for numbers z_0 (N,), each expectation by quadrature over the noise of its z_t."""
    noise, w = normal_nodes(8)
    z = z_0.unsqueeze(1)
    total = kl_to_prior(s, z)
    for t in range(1, s.T + 1):
        z_t = q_marginal(s, z, t).sample(noise=noise.expand(len(z), -1))  # (N, nodes)
        p = Gaussian(c.a[t] * z_t + c.b[t], c.var[t])
        if t == 1:
            part = -chains.log_normal(z, p.mean, p.var)
        else:
            q = q_posterior(s, z.expand_as(z_t), z_t, t)
            r = q.var / c.var[t]
            part = 0.5 * (r - 1 - torch.log(r) + (q.mean - p.mean) ** 2 / c.var[t])
        total = total + part @ w
    return total


@twin(
    "12.6",
    r"-\log p_\psi(\mathbf{z}) \le \mathcal{L}(\mathbf{z}) = \mathbb{E}_{q}\!\left[L_T + \sum_{t=2}^{T} L_{t-1} + L_0\right]",
    symbols="lat_prior lat_z lat_L E T t q",
    source="Ho et al. 2020, eq. 5",
    relation="<=",
)
def bound_of_the_chain(g: torch.Generator) -> Sides:
    """A random chain on the line: its exact density by recursion, and the terms of lesson 04 by quadrature."""
    model = _Line(g)
    return Sides(-chains.log_marginal_p(model.chain, model.x), _chain_bound(model.schedule, model.chain, model.x))


@twin(
    "12.7",
    r"-\log p(\mathbf{x}) \le \mathcal{J}(\mathbf{x}) = \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z}) + \log q_\phi(\mathbf{z} \mid \mathbf{x}) + \mathcal{L}(\mathbf{z})\right]",
    symbols="lat_x lat_z lat_joint lat_q lat_p lat_L E",
    source=f"{VAHDAT}, eq. 1",
    relation="<=",
)
def joint_bound(g: torch.Generator) -> Sides:
    """The exact likelihood of decoder and chain together, and the library's bound averaged over a grid of noises."""
    model = _Line(g)
    return Sides(-model.log_evidence(standard=False), model.joint())


@twin(
    "12.8",
    r"\mathcal{J}(\mathbf{x}) + \log p(\mathbf{x}) = D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z} \mid \mathbf{x})\,\|\,p(\mathbf{z} \mid \mathbf{x})\right) + \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[D_{\mathrm{KL}}\!\left(q(\mathbf{z}_{1:T} \mid \mathbf{z})\,\|\,p_\psi(\mathbf{z}_{1:T} \mid \mathbf{z})\right)\right]",
    symbols="lat_joint lat_x lat_z lat_q lat_prior KL E q T",
)
def two_gaps(g: torch.Generator) -> Sides:
    """The library's bound plus the exact log-likelihood; two divergences of conditioned Gaussians."""
    model = _Line(g)
    z, w = model.codes()
    columns = (m.unsqueeze(1) for m in (model.m, model.v, model.posterior(standard=False).mean))
    m, v, mean = columns
    encoder = kl(Gaussian(m, v), Gaussian(mean, model.posterior(standard=False).var.expand_as(mean)))
    codes = z.flatten()
    there, back = chains.joint_q(model.schedule, codes), chains.posterior_p(model.chain, codes)
    covs = (k.cov.expand(len(codes), *k.cov.shape[-2:]) for k in (there, back))
    gaps = kl(*(FullGaussian(k.mean, cov) for k, cov in zip((there, back), covs, strict=True)))
    return Sides(model.joint() + model.log_evidence(standard=False), encoder + w @ gaps.reshape(z.shape))


def _codes_of_size(g: torch.Generator, c: float) -> GaussianMixture:
    """Three clusters with mean 0 and standard deviation c."""
    weights, means, var = torch.softmax(_randn(g, 3), 0), _randn(g, 3), _uniform(g, 0.1, 0.4, 3)
    means = means - weights @ means
    size = float(weights @ (var + means**2)) ** 0.5
    return GaussianMixture.isotropic(weights, (c / size * means).unsqueeze(1), (c / size) ** 2 * var)


@twin(
    "12.9",
    r"\frac{\operatorname{Var}\!\left[\sqrt{\bar\alpha_t}\,z\right]}{\operatorname{Var}\!\left[\sqrt{1-\bar\alpha_t}\,\varepsilon\right]} = c^2\,\mathrm{SNR}(t) \qquad \text{for } \operatorname{Var}[z] = c^2",
    symbols="alpha_bar lat_z lat_c eps Var snr t",
    source="Rombach et al. 2022, appendix G",
)
def shifted_ratio(g: torch.Generator) -> Sides:
    """Clusters of size c: the variance of the shrunk codes by an integral over their density, at every t."""
    c, s = _number(g, 0.4, 1.6), chains.random_schedule(g, 4)
    codes, ratios = _codes_of_size(g, c), []
    for t in range(1, s.T + 1):
        keep = float(s.alpha_bar[t].sqrt())

        def inside(x: Tensor, keep: float = keep) -> Tensor:
            return torch.exp(codes.log_prob(x.unsqueeze(1), keep, 0.0)) * x**2

        ratios.append(integrate(inside, -14, 14) / (1 - s.alpha_bar[t]))
    return Sides(torch.stack(ratios), c**2 * s.snr[1:])


@twin(
    "12.10",
    r"\mathbb{E}\!\left[L_T\right] = \tfrac{d}{2}\left[\bar\alpha_T\,(c^2 - 1) - \log(1-\bar\alpha_T)\right]",
    symbols="E lat_L d alpha_bar T lat_c",
)
def end_of_the_chain(g: torch.Generator) -> Sides:
    """Clusters of size c: the library's divergence from the prior averaged over them, and the formula."""
    c, s = _number(g, 0.4, 3), chains.random_schedule(g, 4)
    codes = _codes_of_size(g, c)
    noise, w = normal_nodes(8)
    z = codes.means + codes.covs[:, :, 0].sqrt() * noise  # (3, nodes)
    slow = codes.weights @ (kl_to_prior(s, z.reshape(-1, 1)).reshape(z.shape) @ w)
    bar = s.alpha_bar[-1]
    return Sides(slow.reshape(1), (0.5 * (bar * (c**2 - 1) - torch.log(1 - bar))).reshape(1))


@twin(
    "12.11",
    r"u_i = \frac{z_i - m_i}{s_i} \quad\Longrightarrow\quad \log p(\mathbf{z}) = \log p(\mathbf{u}) - \sum_i \log s_i",
    symbols="lat_u lat_z lat_scale",
)
def scaled_density(g: torch.Generator) -> Sides:
    """A Gaussian with random covariance in three dimensions: its density at z, and that of the scaled one at u."""
    mix, mean, z = _randn(g, 3, 3) + 2 * torch.eye(3, dtype=F64), _randn(g, 3), _randn(g, 6, 3)
    shift, s = _randn(g, 3), _uniform(g, 0.3, 3, 3)
    cov = mix @ mix.mT
    scaled = FullGaussian((mean - shift) / s, cov / torch.outer(s, s))
    return Sides(FullGaussian(mean, cov).log_prob(z), scaled.log_prob((z - shift) / s) - torch.log(s).sum())


@twin(
    "12.11e",
    r"u_i = \frac{z_i - m_i}{s_i} \quad\Longrightarrow\quad \log p(\mathbf{z}) = \log p(\mathbf{u})",
    symbols="lat_u lat_z lat_scale",
    source="code that reports likelihoods of scaled codes",
    erratum="A density is per unit of volume. Codes that are squeezed by s are s times denser: the sum of log s is missing.",
)
def volume_forgotten(g: torch.Generator) -> Sides:
    """The same Gaussian, without the change of volume."""
    mean, z, s = _randn(g, 3), _randn(g, 6, 3), _uniform(g, 2, 3, 3)
    one = Gaussian(mean.expand(6, 3), torch.ones(6, 3, dtype=F64))
    return Sides(one.log_prob(z), one.affine(1 / s).log_prob(z / s))


def _whole(g: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high + 1, (1,), generator=g))


def _counted(H: int, W: int, k: int, inside: int, outside: int) -> Tensor:
    """Multiplications of a convolution, counted by itself: every product is 1 times 1, and the sums count them."""
    ones = torch.ones(1, inside, H + k - 1, W + k - 1, dtype=F64)
    return F.conv2d(ones, torch.ones(outside, inside, k, k, dtype=F64)).sum()


@twin(
    "12.12",
    r"M = H\,W\,k^2\,C_{\mathrm{in}}\,C_{\mathrm{out}}",
    symbols="lat_M lat_conv",
)
def multiplications(g: torch.Generator) -> Sides:
    """Four convolutions of ones with ones, whose sums count their products, and the formula."""
    sizes = [
        (_whole(g, 2, 9), _whole(g, 2, 9), 2 * _whole(g, 0, 2) + 1, _whole(g, 1, 6), _whole(g, 1, 6)) for _ in range(4)
    ]
    formula = [H * W * k * k * inside * outside for H, W, k, inside, outside in sizes]
    return Sides(torch.stack([_counted(*s) for s in sizes]), torch.tensor(formula, dtype=F64))


@twin(
    "12.13",
    r"\frac{T\,M}{T\,M / f^2 + M_D} = \frac{f^2}{1 + f^2 M_D / (T\,M)} \;\longrightarrow\; f^2",
    symbols="T lat_M lat_f",
    source="Rombach et al. 2022, section 4.1",
)
def cost_ratio(g: torch.Generator) -> Sides:
    """One network at both sizes and one decoding, their products counted, and the formula, for three values of T."""
    f, inside, side = _whole(g, 2, 4), _whole(g, 1, 4), _whole(g, 1, 3)
    pixel, small = (_counted(n, n, 3, inside, inside) for n in (f * side, side))
    decoding = _counted(f * side, f * side, 3, inside, 1)
    T = torch.tensor([1.0, 10.0, 1000.0], dtype=F64)
    return Sides(T * pixel / (T * small + decoding), f**2 / (1 + f**2 * decoding / (T * pixel)))


def _tokens(g: torch.Generator, K: int = 4, d: int = 2) -> tuple[Tensor, Tensor, float]:
    """Log frequencies (K,), embeddings (K, d) and the noise around them."""
    return torch.log_softmax(_randn(g, K), 0), _randn(g, K, d), _number(g, 0.4, 0.9)


def _posterior(log_p: Tensor, table: Tensor, std: float, z: Tensor) -> Tensor:
    """log p(w | z) by the softmax formula, (N, K)."""
    return torch.log_softmax(log_p - (z.unsqueeze(1) - table).square().sum(2) / (2 * std**2), 1)


@twin(
    "12.14",
    r"q(\mathbf{z} \mid w) = \mathcal{N}\!\left(\mathbf{z};\ \mathbf{e}_w,\ \sigma^2 \mathbf{I}\right), \qquad q(\mathbf{z}) = \sum_{w} p(w)\, \mathcal{N}\!\left(\mathbf{z};\ \mathbf{e}_w,\ \sigma^2 \mathbf{I}\right)",
    symbols="q lat_z lat_w lat_e lat_pw lat_sigma N I",
    source="Li et al. 2022, section 4.1",
)
def embedded(g: torch.Generator) -> Sides:
    """On the line: the slope of the distribution function of z by automatic differentiation, and the mixture."""
    log_p, table, std = _tokens(g, d=1)
    z = _randn(g, 5).requires_grad_()
    below = torch.exp(log_p) @ torch.special.ndtr((z - table) / std)
    (density,) = torch.autograd.grad(below.sum(), z)
    mixture = GaussianMixture.isotropic(torch.exp(log_p), table, torch.tensor(std**2, dtype=F64))
    return Sides(density, mixture.log_prob(z.detach().unsqueeze(1)).exp())


@twin(
    "12.15",
    r"p(w \mid \mathbf{z}) = \frac{p(w)\, q(\mathbf{z} \mid w)}{q(\mathbf{z})} = \operatorname{softmax}_w\!\left(\log p(w) - \frac{\|\mathbf{z} - \mathbf{e}_w\|^2}{2\sigma^2}\right)",
    symbols="lat_w lat_z lat_pw q lat_e lat_sigma",
)
def bayes_decoder(g: torch.Generator) -> Sides:
    """Densities multiplied and divided, at five points and for all tokens, and the softmax."""
    log_p, table, std = _tokens(g)
    z = _randn(g, 5, 2)
    density = torch.stack(
        [(2 * math.pi * std**2) ** -1 * torch.exp(-((z - e) ** 2).sum(1) / (2 * std**2)) for e in table], 1
    )
    joint = torch.exp(log_p) * density
    return Sides(joint / joint.sum(1, keepdim=True), _posterior(log_p, table, std, z).exp())


@twin(
    "12.16",
    r"-\log p(w) = -\log p(w \mid \mathbf{z}) + \log q(\mathbf{z} \mid w) - \log q(\mathbf{z}) \qquad \text{for every } \mathbf{z}",
    symbols="lat_pw lat_w lat_z q",
)
def nothing_is_lost(g: torch.Generator) -> Sides:
    """The three terms of the bound at five codes that have nothing to do with the token, and its frequency."""
    log_p, table, std = _tokens(g)
    z, w = 2 * _randn(g, 5, 2), 1
    code = Gaussian(table[w].expand(5, 2), torch.full((5, 2), std**2, dtype=F64))
    mixture = GaussianMixture.isotropic(torch.exp(log_p), table, torch.tensor(std**2, dtype=F64))
    terms = -_posterior(log_p, table, std, z)[:, w] + code.log_prob(z) - mixture.log_prob(z)
    return Sides(-log_p[w].expand(5), terms)


@twin(
    "12.17",
    r"P\!\left(\text{nearer to } \mathbf{e}_{w'} \mid \mathbf{z} \sim q(\mathbf{z} \mid w)\right) = \Phi\!\left(-\frac{\|\mathbf{e}_w - \mathbf{e}_{w'}\|}{2\sigma}\right)",
    symbols="lat_z lat_w lat_e lat_sigma lat_Phi q",
)
def rounding_error(g: torch.Generator) -> Sides:
    """The density of z over the half plane that is nearer to the other embedding, integrated, and the formula."""
    table, std = _randn(g, 2, 2), _number(g, 0.4, 0.9)
    gap = table[1] - table[0]
    across = gap / gap.norm()
    along = torch.stack([-across[1], across[0]])
    (s, w_s), (r, w_r) = interval_nodes(0.0, 10 * std), interval_nodes(-9 * std, 9 * std)
    z = (table[0] + table[1]) / 2 + s.reshape(-1, 1, 1) * across + r.reshape(1, -1, 1) * along
    density = torch.exp(-((z - table[0]) ** 2).sum(2) / (2 * std**2)) / (2 * math.pi * std**2)
    formula = torch.special.ndtr(-gap.norm() / (2 * std))
    return Sides((w_s @ density @ w_r).reshape(1), formula.reshape(1))
