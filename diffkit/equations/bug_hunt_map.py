r"""Lesson 13, the map of equivalences: equations (13.1) to (13.14) as functions.

Each arrow of the map says that two things are one.  Its twin computes the one by quadrature, automatic differentiation
or a library sampler, and the other by the formula.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.equations.grids import interval_nodes
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import SmallChain, log_normal, random_schedule
from diffkit.forward import q_posterior
from diffkit.gaussian import FullGaussian, kl
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ddim
from diffkit.samplers.euler_maruyama import euler_maruyama_kernel
from diffkit.sde import VP

SONG = "Song et al. 2021 (SDE)"


def randn(g: torch.Generator, *shape: int) -> Tensor:
    """Standard normal numbers, float64."""
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def uniform(g: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Uniform numbers between low and high, float64."""
    return low + (high - low) * torch.rand(*shape, generator=g, dtype=torch.float64)


def number(g: torch.Generator, low: float, high: float) -> float:
    """One of them."""
    return float(uniform(g, low, high, 1))


def mixture(g: torch.Generator, d: int = 1, K: int = 3) -> GaussianMixture:
    """A random mixture of K components in d dimensions."""
    return GaussianMixture.isotropic(torch.softmax(randn(g, K), 0), 1.2 * randn(g, K, d), uniform(g, 0.2, 0.6, K))


def slope(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Gradient of the sum of f at x, by automatic differentiation; it can be differentiated again."""
    x = x if x.requires_grad else x.detach().requires_grad_()
    (out,) = torch.autograd.grad(f(x).sum(), x, create_graph=True)
    return out


def _level(g: torch.Generator) -> tuple[float, float]:
    """A random level of the chain: shares of data and of noise."""
    alpha_bar = number(g, 0.2, 0.8)
    return math.sqrt(alpha_bar), math.sqrt(1 - alpha_bar)


def _mean_given(data: GaussianMixture, x: Tensor, a: float, s: float, what: str) -> Tensor:
    """E[eps | x] or E[x_0 | x] on the line, by an integral over the noise and Bayes' rule.  x: (n, 1)."""

    def parts(eps: Tensor) -> Tensor:
        x_0 = (x[:, 0] - s * eps.unsqueeze(1)) / a  # (nodes, n)
        mass = torch.exp(data.log_prob(x_0.reshape(-1, 1)).reshape(x_0.shape) + log_normal(eps, 0.0, 1.0).unsqueeze(1))
        value = eps.unsqueeze(1).expand_as(x_0) if what == "eps" else x_0
        return torch.stack([mass * value, mass], 2)

    found = integrate(parts, -12, 12, 4001)
    return (found[:, 0] / found[:, 1]).unsqueeze(1)


@twin(
    "13.1",
    r"\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] = -\,\sigma_t\,\mathbf{s}_t(\mathbf{x}_t)",
    symbols="E eps x_t sigma_t score_t",
    source="Vincent 2011; Ho et al. 2020, section 3.2",
)
def eps_is_score(g: torch.Generator) -> Sides:
    """Best noise prediction by an integral over all noises, and the score by automatic differentiation."""
    data, x, (a, s) = mixture(g), randn(g, 5, 1), _level(g)
    score = slope(lambda y: data.log_prob(y, a, s), x).detach()
    return Sides(_mean_given(data, x, a, s, "eps"), -s * score)


@twin(
    "13.2",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \frac{\mathbf{x}_t + \sigma_t^2\,\mathbf{s}_t(\mathbf{x}_t)}{a_t}",
    symbols="E x_0 x_t sigma_t score_t a_t",
    source="Tweedie's formula; Vincent 2011",
)
def denoiser_is_score(g: torch.Generator) -> Sides:
    """Best guess of the data by an integral over all noises, and by one step along the score."""
    data, x, (a, s) = mixture(g), randn(g, 5, 1), _level(g)
    score = slope(lambda y: data.log_prob(y, a, s), x).detach()
    return Sides(_mean_given(data, x, a, s, "x_0"), (x + s**2 * score) / a)


@twin(
    "13.3",
    r"\mathbb{E}\,\|\boldsymbol\varepsilon_\theta(\mathbf{x}_t) - \boldsymbol\varepsilon\|^2 = \sigma_t^2\;\mathbb{E}\,\|\mathbf{s}_\theta(\mathbf{x}_t) - \nabla \log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 \qquad \text{with } \boldsymbol\varepsilon_\theta = -\sigma_t\,\mathbf{s}_\theta",
    symbols="E eps_theta x_t eps sigma_t s_theta q x_0",
    source="Vincent 2011; Song & Ermon 2019, eq. 5",
)
def ddpm_is_denoising(g: torch.Generator) -> Sides:
    """The DDPM loss of a cubic model by quadrature over eps, and that of score matching, whose target is an autograd."""
    x_0, (a, s), c = randn(g, 4), _level(g), 0.3 * randn(g, 4)
    eps, w = normal_nodes(12)
    x_t = a * x_0 + s * eps.unsqueeze(1)
    score = c[0] + c[1] * x_t + c[2] * x_t**2 + c[3] * x_t**3
    target = slope(lambda x: log_normal(x, a * x_0, s**2), x_t).detach()
    return Sides(w @ (-s * score - eps.unsqueeze(1)) ** 2, s**2 * (w @ (score - target) ** 2))


@twin(
    "13.4",
    r"\mathbb{E}\,\|\mathbf{s}_\theta - \nabla\log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 - \mathbb{E}\,\|\mathbf{s}' - \nabla\log q(\mathbf{x}_t \mid \mathbf{x}_0)\|^2 = \mathbb{E}\,\|\mathbf{s}_\theta - \mathbf{s}_t\|^2 - \mathbb{E}\,\|\mathbf{s}' - \mathbf{s}_t\|^2",
    symbols="E s_theta q x_t x_0 score_t",
    source="Vincent 2011",
)
def denoising_is_explicit(g: torch.Generator) -> Sides:
    """Differences of two models: over data and noise with the target of denoising, over x_t with the true score."""
    data, (a, s), c = mixture(g), _level(g), 0.5 * randn(g, 2, 3)

    def gap(x: Tensor, target: Tensor) -> Tensor:
        one, other = (k[0] + k[1] * x + k[2] * x**2 for k in c)
        return (one - target) ** 2 - (other - target) ** 2

    z, w = normal_grid(2)
    left = torch.zeros(1, dtype=torch.float64)
    for weight, mean, cov in zip(data.weights, data.means, data.covs, strict=True):
        x_t = a * (mean[0] + cov[0, 0].sqrt() * z[:, 0]) + s * z[:, 1]
        left = left + weight * (w @ gap(x_t, -z[:, 1] / s))

    def under_p(x: Tensor) -> Tensor:
        score = slope(lambda y: data.log_prob(y, a, s), x.unsqueeze(1)).detach()[:, 0]
        return data.log_prob(x.unsqueeze(1), a, s).exp() * gap(x, score)

    return Sides(left, integrate(under_p, -12, 12, 4001).unsqueeze(0))


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


@twin(
    "13.8",
    r"\lim_{\beta \to 0} \frac{1}{\beta^2} \Big[\frac{\mathbf{x} + \beta\,\mathbf{s}}{\sqrt{1-\beta}} - \Big(\mathbf{x} + \frac{\beta}{2}\,\mathbf{x} + \beta\,\mathbf{s}\Big)\Big] = \frac38\,\mathbf{x} + \frac12\,\mathbf{s}",
    symbols="beta x_t score_t",
    source=f"{SONG}, appendix E",
)
def ddpm_is_sde(g: torch.Generator) -> Sides:
    """Half the second derivative in beta, at 0, of the difference between Algorithm 2's mean and the reverse Euler step."""
    x, s = randn(g, 6), randn(g, 6)

    def difference(beta: Tensor) -> Tensor:
        return (x + beta * s) / torch.sqrt(1 - beta) - (x + 0.5 * beta * x + beta * s)

    beta = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    return Sides(0.5 * slope(lambda b: slope(difference, b), beta).detach(), 3 / 8 * x + s / 2)


def _time_and_slope(data: GaussianMixture, sde: VP, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives of log p_t(x) in t and in x, both by automatic differentiation.  x: (B, d); t: (B,)."""
    x, t = x.detach().requires_grad_(), t.detach().requires_grad_()
    return torch.autograd.grad(data.log_prob(x, *sde.marginal(t)).sum(), (t, x))  # type: ignore[return-value]


@twin(
    "13.9",
    r"\partial_t\, p_t = -\,\partial_x\Big[\Big(f x - \frac{1-\lambda^2}{2}\,g^2\,s_t\Big)\, p_t\Big] + \frac{\lambda^2 g^2}{2}\,\partial_x^2\, p_t \qquad \text{for every } \lambda",
    symbols="p_t f_g lam score_t",
    source=f"{SONG}, section 4.3 and appendix D",
)
def sde_and_flow_share_marginals(g: torch.Generator) -> Sides:
    """Change of the exact density in time, and what drift and noise of the mixed equation do to it, by autograd."""
    data, sde, x, t = mixture(g), VP(), 1.5 * randn(g, 8, 1), number(g, 0.1, 0.5)
    share, (a, s) = number(g, 0.0, 1.0), sde.marginal(t)
    rate, g2 = sde.rate(t), sde.diffusion(t) ** 2
    in_time, _ = _time_and_slope(data, sde, x, torch.full((8,), t, dtype=torch.float64))

    def p(y: Tensor) -> Tensor:
        return data.log_prob(y, float(a), float(s)).exp().unsqueeze(1)

    def carried(y: Tensor) -> Tensor:
        score = slope(lambda u: p(u).log(), y)
        return (rate * y - 0.5 * (1 - share**2) * g2 * score) * p(y)

    y = x.requires_grad_()
    right = -slope(carried, y) + 0.5 * share**2 * g2 * slope(lambda u: slope(p, u), y)
    return Sides(in_time * p(x).detach()[:, 0], right.detach()[:, 0])


@twin(
    "13.10",
    r"\mathbf{x} - (f\mathbf{x} - g^2\mathbf{s}_t)\,h + g\sqrt{h}\,\mathbf{z} = \underbrace{\mathbf{x} - \Big(f\mathbf{x} - \frac{g^2}{2}\mathbf{s}_t\Big)h}_{\text{probability flow}} + \underbrace{\eta\,\mathbf{s}_t + \sqrt{2\eta}\,\mathbf{z}}_{\text{Langevin}}, \qquad \eta = \frac{g^2 h}{2}",
    symbols="x_t f_g score_t h z",
    source=f"{SONG}, section 4; Karras et al. 2022, eq. 8",
)
def sde_is_flow_and_langevin(g: torch.Generator) -> Sides:
    """The library's reverse Euler step, and the sum of a step of its flow and the increment of lesson 07."""
    sde, t, h = VP(), number(g, 0.3, 0.9), number(g, 0.01, 0.1)
    x, score, z = randn(g, 3, 5, 2)
    kernel = euler_maruyama_kernel(sde, [t, t - h])
    eta = 0.5 * float(sde.diffusion(t)) ** 2 * h
    both = x - sde.flow_drift(x, t, score) * h + eta * score + math.sqrt(2 * eta) * z
    return Sides(kernel.a[0] * x + kernel.b[0] * score + kernel.c[0] * z, both)


@twin(
    "13.11",
    r"\frac{d\mathbf{y}}{dr} = \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t], \qquad \mathbf{y} = \frac{\mathbf{x}_t}{a_t}, \quad r = \frac{\sigma_t}{a_t}",
    symbols="y r E eps x_t a_t sigma_t",
    source="Song, Meng & Ermon 2021 (DDIM), eq. 14; Karras et al. 2022",
)
def flow_in_noise_levels(g: torch.Generator) -> Sides:
    """The probability flow of the VP equation, rewritten by the chain rule, and the noise from an integral."""
    data, sde, x = mixture(g), VP(), randn(g, 5, 1)
    time = torch.tensor(number(g, 0.1, 0.5), dtype=torch.float64, requires_grad=True)
    a, s = sde.marginal(time)
    da, dr = (torch.autograd.grad(v, time, retain_graph=True)[0] for v in (a, s / a))
    a, s, t = a.detach(), s.detach(), float(time.detach())
    velocity = sde.flow_drift(x, t, slope(lambda y: data.log_prob(y, float(a), float(s)), x).detach())
    left = (velocity / a - x * da / a**2) / dr
    return Sides(left, _mean_given(data, x, float(a), float(s), "eps"))


@twin(
    "13.12",
    r"\mathbf{x}_s = a_s\Big(\frac{\mathbf{x}_t}{a_t} + \Big(\frac{\sigma_s}{a_s} - \frac{\sigma_t}{a_t}\Big)\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t)\Big)",
    symbols="x_t a_t sigma_t eps_theta s",
    source="Song, Meng & Ermon 2021 (DDIM), eq. 13",
)
def ddim_is_euler(g: torch.Generator) -> Sides:
    """A step of the library's DDIM without noise, and a step of Euler's method for (13.11)."""
    schedule, x, weight = random_schedule(g, 8), randn(g, 4, 2), randn(g, 2, 2)

    def predict(y: Tensor, t: Tensor) -> Tensor:
        return torch.tanh(y @ weight)

    *_, end = ddim(predict, schedule, x, times=[7, 3])
    a, s = schedule.alpha_bar.sqrt(), schedule.noise_var.sqrt()
    y = x / a[7] + (s[3] / a[3] - s[7] / a[7]) * torch.tanh(x @ weight)
    return Sides(end.x, a[3] * y)


@twin(
    "13.13",
    r"\frac{d}{dt}\log p_t(\mathbf{x}(t)) = -\operatorname{div}\mathbf{v}(\mathbf{x}(t), t) \qquad \text{along } \frac{d\mathbf{x}}{dt} = \mathbf{v}",
    symbols="p_t v x_t t",
    source=f"Chen et al. 2018, theorem 1; {SONG}, eq. 39",
)
def flow_carries_density(g: torch.Generator) -> Sides:
    """The total derivative of the exact log density along the flow, and the trace of the velocity's Jacobian."""
    data, sde, x, t = mixture(g, 2), VP(), randn(g, 5, 2), number(g, 0.1, 0.5)
    a, s = (float(v) for v in sde.marginal(t))
    in_time, in_space = _time_and_slope(data, sde, x, torch.full((5,), t, dtype=torch.float64))
    left = in_time + (sde.flow_drift(x, t, in_space) * in_space).sum(1)

    def velocity(y: Tensor) -> Tensor:
        return sde.flow_drift(y, t, slope(lambda u: data.log_prob(u, a, s), y))

    x = x.requires_grad_()
    div = sum(slope(lambda y, i=i: velocity(y)[:, i], x)[:, i] for i in range(2))  # type: ignore[misc]
    return Sides(left, -torch.as_tensor(div).detach())


@twin(
    "13.14",
    r"\frac{d}{dh}\log\big|\det(\mathbf{I} + h J)\big|\,\Big|_{h=0} = \operatorname{tr} J",
    symbols="h I J",
    source="Chen et al. 2018, appendix A",
)
def flow_is_many_layers(g: torch.Generator) -> Sides:
    """The log volume change of a thin layer x + h v(x), differentiated in its thickness, and the trace."""
    jacobians = randn(g, 5, 3, 3)
    h = torch.zeros(5, dtype=torch.float64)
    left = slope(lambda k: torch.logdet(torch.eye(3, dtype=torch.float64) + k.reshape(-1, 1, 1) * jacobians), h)
    return Sides(left.detach(), jacobians.diagonal(dim1=-2, dim2=-1).sum(-1))
