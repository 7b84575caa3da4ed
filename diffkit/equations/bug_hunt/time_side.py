r"""The map: the time side.  Equations (13.8) to (13.14)."""

import math

import torch
from torch import Tensor

from diffkit.equations.bug_hunt.common import mean_given, mixture, slope
from diffkit.equations.draws import number, randn
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import random_schedule
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ddim
from diffkit.samplers.euler_maruyama import euler_maruyama_kernel
from diffkit.sde import VP

SONG = "Song et al. 2021 (SDE)"


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
    symbols="x_t f_g score_t h z eta",
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
    return Sides(left, mean_given(data, x, float(a), float(s), "eps"))


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
