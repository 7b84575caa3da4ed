r"""Autoencoders of one, two and more levels.  Equations (3.16) to (3.20)."""

import math

import torch
from torch import Tensor

from diffkit import vae
from diffkit.equations import chains
from diffkit.equations.draws import F64, randn, uniform
from diffkit.equations.likelihood_to_elbo.common import HO, KW, both, one_cov_each
from diffkit.equations.quadrature import normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian, Gaussian, kl


def _linear_vae(g: torch.Generator) -> tuple[vae.LinearModel, Gaussian, Tensor]:
    """A linear decoder from 2 latents to 3 numbers, an arbitrary q(z | x), and one x, (1, 3)."""
    model = vae.LinearModel(randn(g, 3, 2), randn(g, 3), float(uniform(g, 0.3, 1, 1)))
    return model, Gaussian(randn(g, 1, 2), uniform(g, 0.2, 0.9, 1, 2)), randn(g, 1, 3)


@twin(
    "3.16",
    r"\mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[\log \frac{q_\phi(\mathbf{z} \mid \mathbf{x})}{p_\theta(\mathbf{x}, \mathbf{z})}\right] = \mathbb{E}_{q_\phi(\mathbf{z} \mid \mathbf{x})}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z})\right] + D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z} \mid \mathbf{x})\,\|\,p(\mathbf{z})\right)",
    symbols="E q_phi z x p theta KL",
    source=f"{KW}, eq. 3",
)
def one_latent(g: torch.Generator) -> Sides:
    """A linear decoder: -log p(x) plus the KL to the exact posterior, and the two terms, averaged by quadrature."""
    model, q, x = _linear_vae(g)
    exact = model.posterior(x)
    gap = kl(FullGaussian(q.mean, torch.diag_embed(q.var)), exact)
    noise, w = normal_grid(2)
    rows = x.expand(len(w), 3)
    bound = vae.one_level(
        rows, lambda r: Gaussian(q.mean.expand(len(r), 2), q.var.expand(len(r), 2)), model.decoder, noise=noise
    )
    return Sides(gap - model.marginal.log_prob(x), (w @ bound.total).reshape(1))


@twin(
    "3.17",
    r"D_{\mathrm{KL}}\!\left(\mathcal{N}(\boldsymbol\mu, \operatorname{diag}(\boldsymbol\sigma^2))\,\|\,\mathcal{N}(\mathbf{0}, \mathbf{I})\right) = \tfrac12 \sum_{i} \left(\mu_i^2 + \sigma_i^2 - 1 - \log \sigma_i^2\right)",
    symbols="KL N I musig",
    source=f"{KW}, appendix B",
)
def kl_of_the_code(g: torch.Generator) -> Sides:
    """E_q[log q - log p] by quadrature in three dimensions, and the formula."""
    mean, var = randn(g, 3), uniform(g, 0.2, 2, 3)
    eps, w = normal_grid(3)
    z = mean + var.sqrt() * eps
    slow = w @ (chains.log_normal(z, mean, var) - chains.log_normal(z, 0.0, 1.0)).sum(1)
    return Sides(slow.reshape(1), (0.5 * (mean**2 + var - 1 - torch.log(var)).sum()).reshape(1))


@twin(
    "3.18",
    r"\nabla_{\mu, \sigma}\ \mathbb{E}_{z \sim \mathcal{N}(\mu, \sigma^2)}\!\left[f(z)\right] = \mathbb{E}_{\varepsilon \sim \mathcal{N}(0, 1)}\!\left[\nabla_{\mu, \sigma}\ f(\mu + \sigma \varepsilon)\right]",
    symbols="E musig z eps N",
    source=f"{KW}, section 2.4",
)
def reparameterization(g: torch.Generator) -> Sides:
    """f(z) = sin z + z^3, whose expectation has a closed form: its derivatives by hand, and autograd inside E."""
    mean, std = float(randn(g, 1)), float(uniform(g, 0.3, 1, 1))
    damp = math.exp(-(std**2) / 2)
    by_hand = [math.cos(mean) * damp + 3 * mean**2 + 3 * std**2, -std * math.sin(mean) * damp + 6 * mean * std]
    m, s = (torch.tensor(v, dtype=F64, requires_grad=True) for v in (mean, std))
    eps, w = normal_nodes()
    z = m + s * eps
    return Sides(torch.tensor(by_hand, dtype=F64), torch.stack(torch.autograd.grad(w @ (torch.sin(z) + z**3), (m, s))))


@twin(
    "3.19",
    r"\mathcal{L}(\mathbf{x}) = \mathbb{E}_{q_\phi}\!\left[-\log p_\theta(\mathbf{x} \mid \mathbf{z}_1) + \log \frac{q_\phi(\mathbf{z}_1 \mid \mathbf{x})}{p_\theta(\mathbf{z}_1 \mid \mathbf{z}_2)} + D_{\mathrm{KL}}\!\left(q_\phi(\mathbf{z}_2 \mid \mathbf{z}_1)\,\|\,p(\mathbf{z}_2)\right)\right]",
    symbols="bound x E q_phi z p theta KL",
)
def two_latents(g: torch.Generator) -> Sides:
    """Chains of two linear steps: KL to the exact posterior minus log p(x), and the three terms by quadrature."""
    c, x = chains.random_chain(g, 2), randn(g, 3)
    up, var = (
        uniform(g, 0.3, 1, 2),
        uniform(g, 0.2, 0.6, 2),
    )  # q(z_1 | x) and q(z_2 | z_1): another chain, not a schedule
    mean = torch.stack([up[0] * x, up[0] * up[1] * x], 1)
    cross = up[1] * var[0]
    cov = torch.stack([torch.stack([var[0], cross]), torch.stack([cross, up[1] * cross + var[1]])])
    exact = chains.posterior_p(c, x)
    left = kl(one_cov_each(FullGaussian(mean, cov)), one_cov_each(exact)) - chains.log_marginal_p(c, x)

    def encoder(i: int) -> vae.bounds.Conditional:
        return lambda below: Gaussian(up[i] * below, var[i].expand_as(below))

    def decoder(t: int) -> vae.bounds.Conditional:
        return lambda above: Gaussian(c.a[t] * above + c.b[t], c.var[t].expand_as(above))

    noise, w = normal_grid(2)
    rows = x.repeat_interleave(len(w)).unsqueeze(1)
    draws = (noise[:, :1].repeat(3, 1), noise[:, 1:].repeat(3, 1))
    terms = vae.two_levels(rows, (encoder(0), encoder(1)), (decoder(1), decoder(2)), noise=draws)
    return Sides(left, chains.expect(terms.total.reshape(3, len(w)), w))


@twin(
    "3.20",
    r"\mathcal{L}(\mathbf{x}_0) = \mathbb{E}_{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\!\left[-\log p(\mathbf{x}_T) + \sum_{t=1}^{T} \log \frac{q(\mathbf{x}_t \mid \mathbf{x}_{t-1})}{p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)}\right]",
    symbols="bound E q x_0 x_t T t p theta",
    source=f"{HO}, eq. 3",
)
def fixed_encoder(g: torch.Generator) -> Sides:
    """KL to the exact posterior minus log p(x_0), and an autoencoder of three levels whose encoder adds noise."""
    c, s, x_0 = both(g, 3)
    gap = kl(one_cov_each(chains.joint_q(s, x_0)), one_cov_each(chains.posterior_p(c, x_0)))

    def decoder(t: int) -> vae.bounds.Conditional:
        return lambda x: Gaussian(c.a[t] * x + c.b[t], c.var[t].expand_as(x))

    noise, w = normal_grid(3, 6)
    rows = x_0.repeat_interleave(len(w)).unsqueeze(1)
    draws = [noise[:, t : t + 1].repeat(len(x_0), 1) for t in range(3)]
    bound = vae.levels(rows, vae.noising_encoders(s), [decoder(t) for t in (1, 2, 3)], noise=draws)
    return Sides(gap - chains.log_marginal_p(c, x_0), chains.expect(bound.total.reshape(len(x_0), len(w)), w))
