r"""The map: the likelihood side.  Equations (13.5) to (13.7)."""

import math

import torch
from torch import Tensor

from diffkit.equations.bug_hunt.common import mixture
from diffkit.equations.draws import number, randn
from diffkit.equations.grids import interval_nodes
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import SmallChain, random_schedule
from diffkit.forward import q_posterior
from diffkit.gaussian import FullGaussian, kl


@twin(
    "13.5",
    r"\mathbb{E}_{q}\Big[\log\frac{p_\theta(\mathbf{x}_{0:T})}{q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)}\Big] = \mathbb{E}_{q}\big[\log p_\theta(\mathbf{x}_0 \mid \mathbf{x}_1)\big] - D_{\mathrm{KL}}\big(q(\mathbf{x}_{1:T} \mid \mathbf{x}_0)\,\big\|\,p_\theta(\mathbf{x}_{1:T})\big)",
    symbols="E q p_theta x_0 x_t T KL",
    source="Kingma & Welling 2014, eq. 3, with z = x_{1:T}",
)
def vae_is_diffusion(g: torch.Generator) -> Sides:
    """The bound of a diffusion chain factor by factor along paths, and that of a VAE whose latent is the path."""
    chain = SmallChain.random(g, bend=0.0)
    paths, w = chain.paths()
    encoder, joint = chain.joint_q(), chain.joint_p()
    prior = FullGaussian(joint.mean[1:], joint.cov[1:, 1:])
    vae = w @ chain.log_reverse(paths, 1) - kl(encoder, prior)
    return Sides((w @ chain.log_ratio(paths)).reshape(1), vae.reshape(1))


@twin(
    "13.6",
    r"L_{t-1} = \tfrac12\big(\mathrm{SNR}(t-1) - \mathrm{SNR}(t)\big)\,\|\mathbf{x}_0 - \hat{\mathbf{x}}_0\|^2 \qquad (t > 1)",
    symbols="L_t snr x_0 x_hat t",
    source="Kingma et al. 2021, eq. 13",
)
def bound_is_denoising(g: torch.Generator) -> Sides:
    """The divergence of two posteriors, one from x_0 and one from a guess of it, and the weighted error of the guess."""
    s, x_0, guess, x_t = random_schedule(g, 6), randn(g, 5, 3), randn(g, 5, 3), randn(g, 5, 3)
    t = torch.arange(2, 7)
    left = kl(q_posterior(s, x_0, x_t, t), q_posterior(s, guess, x_t, t))
    return Sides(left, 0.5 * (s.snr[t - 1] - s.snr[t]) * ((x_0 - guess) ** 2).sum(1))


@twin(
    "13.7",
    r"\frac12\int_{\gamma_0}^{\gamma_1} \mathbb{E}\big(x_0 - \mathbb{E}[x_0 \mid y_\gamma]\big)^2\, d\gamma = \mathrm{I}(x_0; y_{\gamma_1}) - \mathrm{I}(x_0; y_{\gamma_0})",
    symbols="E x_0 gamma y_gamma info",
    source="Guo, Shamai & Verdú 2005; Kingma et al. 2021, section 5",
)
def denoising_is_information(g: torch.Generator) -> Sides:
    """The integral of the best denoiser's error over the signal-to-noise ratio, and two entropies by quadrature."""
    data, low, high = mixture(g), number(g, 0.2, 0.5), number(g, 2.0, 4.0)
    second = data.weights @ (data.means[:, 0] ** 2 + data.covs[:, 0, 0])

    def error(gamma: Tensor) -> Tensor:
        a = float(gamma.sqrt())

        def square(y: Tensor) -> Tensor:
            y = y.unsqueeze(1)
            return data.log_prob(y, a, 1.0).exp() * data.denoiser(y, a, 1.0)[:, 0] ** 2

        return second - integrate(square, -20, 20, 2001)

    def entropy(gamma: float) -> Tensor:
        def surprise(y: Tensor) -> Tensor:
            log_p = data.log_prob(y.unsqueeze(1), math.sqrt(gamma), 1.0)
            return -log_p.exp() * log_p

        return integrate(surprise, -20, 20, 2001)

    gammas, w = interval_nodes(low, high, 24)
    left = 0.5 * (w @ torch.stack([error(gamma) for gamma in gammas]))
    return Sides(left.reshape(1), (entropy(high) - entropy(low)).reshape(1))
