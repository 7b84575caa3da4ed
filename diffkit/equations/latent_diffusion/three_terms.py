r"""The three terms, and the joint bound.  Equations (12.1) to (12.8)."""

import math

import torch
from torch import Tensor

from diffkit import latent
from diffkit.equations import chains
from diffkit.equations.draws import F64, number, randn, uniform
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.forward import kl_to_prior, q_marginal, q_posterior
from diffkit.gaussian import LOG_2PI, FullGaussian, Gaussian, kl
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule

VAHDAT = "Vahdat et al. 2021"


class _Line:
    """x = w z + b + noise of variance s2; encoders N(m, v) for four data points; a random chain as prior."""

    def __init__(self, g: torch.Generator) -> None:
        self.w, self.b, self.s2 = number(g, 0.5, 1.5), number(g, -1, 1), number(g, 0.2, 0.8)
        self.x, self.m, self.v = randn(g, 4), randn(g, 4), uniform(g, 0.2, 0.9, 4)
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
    mean, var = randn(g, 3), uniform(g, 0.2, 2, 3)
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
    m, v = randn(g, 4), uniform(g, 0.2, 0.9, 4)

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
    m, v = randn(g, 4), uniform(g, 0.2, 0.9, 4)
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
