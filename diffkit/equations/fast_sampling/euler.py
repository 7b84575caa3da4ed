r"""DDIM is Euler's method; there and back.  Equations (10.12) to (10.17)."""

import itertools

import torch
from torch import Tensor

from diffkit.equations.draws import number, randn, uniform
from diffkit.equations.fast_sampling.common import SONG, autograd_eps, mixture, random_schedule, vp
from diffkit.equations.registry import Sides, twin
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ddim, ddim_invert, last, probability_flow, rk4
from diffkit.samplers.probability_flow import flow_velocity
from diffkit.sde import EDM, VP


@twin(
    "10.12",
    r"\frac{\mathbf{x}_s}{\sqrt{\bar\alpha_s}} = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}} + (u_s - u_t)\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t), \qquad u_t = \sqrt{\frac{1-\bar\alpha_t}{\bar\alpha_t}}",
    symbols="x_t fast_s alpha_bar u eps_theta t",
    source=f"{SONG}, eq. 13",
)
def ddim_is_euler(g: torch.Generator) -> Sides:
    """The library's DDIM down to the data, and Euler's method in y and u with a prediction by autograd."""
    s, data, x = random_schedule(g), mixture(g), randn(g, 6, 2)
    bar, times = s.alpha_bar, [12, 9, 5, 2, 0]
    library = last(ddim(lambda x, t: data.eps(x, bar[t].sqrt(), (1 - bar[t]).sqrt()), s, x, times=times))
    u, y = (1 / bar - 1).sqrt(), x / bar[12].sqrt()
    for t, below in itertools.pairwise(times):
        y = y + (u[below] - u[t]) * autograd_eps(data, y, 1.0, float(u[t]))  # the same noise is in x and in y
    return Sides(library, y)


def _noise_over_signal(sde: VP, t: Tensor) -> Tensor:
    alpha, sigma = sde.marginal(t)
    return sigma / alpha


@twin(
    "10.13",
    r"\frac{du}{dt} = \frac{\beta(t)}{2\sqrt{\bar\alpha(t)\,(1-\bar\alpha(t))}}",
    symbols="u t beta_of_t",
)
def growth_of_u(g: torch.Generator) -> Sides:
    """Automatic differentiation of noise over signal at five times, and the formula."""
    sde, t = vp(g), uniform(g, 0.2, 1.0, 5).requires_grad_()
    (slope,) = torch.autograd.grad(_noise_over_signal(sde, t).sum(), t)
    bar = torch.exp(-sde.beta_integral(t.detach()))
    return Sides(slope, sde.beta(t.detach()) / (2 * (bar * (1 - bar)).sqrt()))


@twin(
    "10.14",
    r"\frac{d\mathbf{y}}{du} = \boldsymbol\varepsilon(\mathbf{x}, t) \qquad \text{along} \qquad \frac{d\mathbf{x}}{dt} = -\tfrac12\,\beta(t)\,\big(\mathbf{x} + \nabla \log p_t(\mathbf{x})\big), \qquad \mathbf{y} = \frac{\mathbf{x}}{\sqrt{\bar\alpha(t)}}",
    symbols="fast_y u fast_eps x_t t beta_of_t p_t",
    source=f"{SONG}, eq. 14 and proposition 1; Song et al. 2021 (SDE), eq. 13",
)
def flow_in_u(g: torch.Generator) -> Sides:
    """The library's flow in x and t, turned into dy/du by automatic differentiation; the noise from the posterior mean."""
    sde, data, x, t = vp(g), mixture(g), randn(g, 6, 2), number(g, 0.3, 0.9)
    move = flow_velocity(lambda x, t: data.score(x, *sde.marginal(t)), sde)(x, t)

    def y_and_u(step: Tensor) -> tuple[Tensor, Tensor]:
        time = t + step
        alpha, _ = sde.marginal(time)
        return (x + step * move) / alpha, _noise_over_signal(sde, time)

    zero = torch.zeros((), dtype=torch.float64)
    dy, du = torch.autograd.functional.jacobian(y_and_u, zero)
    alpha, sigma = sde.marginal(t)
    return Sides(dy / du, (x - alpha * data.posterior(x, alpha, sigma).mean) / sigma)


@twin(
    "10.15",
    r"\mathbf{y}(u) = \mathbf{m} + \sqrt{\frac{v+u^2}{v+U^2}}\;\big(\mathbf{y}(U) - \mathbf{m}\big)",
    symbols="fast_y u mv U",
)
def gaussian_path(g: torch.Generator) -> Sides:
    """Data N(m, v): the flow by 200 steps of RK4 from U to five levels, and the formula."""
    m, v, U = randn(g, 2), number(g, 0.3, 1.0), number(g, 2.0, 3.0)
    data = GaussianMixture.isotropic(torch.ones(1, dtype=torch.float64), m.unsqueeze(0), v)
    y = m + 2 * randn(g, 4, 2)
    times = torch.linspace(U, 0.1, 201, dtype=torch.float64)
    steps = list(probability_flow(lambda x, u: data.score(x, 1.0, u), EDM(U), y, times, step=rk4))
    chosen = [40, 80, 120, 160, 200]
    formula = [m + ((v + times[k] ** 2) / (v + U**2)).sqrt() * (y - m) for k in chosen]
    return Sides(torch.stack([steps[k].x for k in chosen]), torch.stack(formula))


@twin(
    "10.16",
    r"\mathbf{x}_t \ \leftarrow\ \sqrt{\frac{\bar\alpha_t}{\bar\alpha_s}}\;\mathbf{x}_s + \sqrt{\bar\alpha_t}\;(u_t - u_s)\;\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)",
    symbols="x_t alpha_bar fast_s u eps_theta t",
    source=f"{SONG}, section 5.4, takes one round",
)
def rounds_of_guessing(g: torch.Generator) -> Sides:
    """The library's inversion after three rounds, and the x_t that DDIM takes back to x_s; and both by this formula."""
    s, data, x_s = random_schedule(g), mixture(g), randn(g, 6, 2)
    bar, (u, t) = s.alpha_bar, (4, 6)
    exact = lambda x, k: data.eps(x, bar[k].sqrt(), (1 - bar[k]).sqrt())  # noqa: E731
    library = [last(ddim_invert(exact, s, x_s, times=[u, t], refine=r)) for r in (2, 79)]
    back = last(ddim(exact, s, library[1], times=[t, u]))
    level = (1 / bar - 1).sqrt()
    x, found = x_s, []
    for _ in range(3):
        eps = autograd_eps(data, x, float(bar[t].sqrt()), float((1 - bar[t]).sqrt()))
        x = (bar[t] / bar[u]).sqrt() * x_s + bar[t].sqrt() * (level[t] - level[u]) * eps
        found.append(x)
    return Sides(torch.stack([library[0], back]), torch.stack([found[-1], x_s]))


@twin(
    "10.17",
    r"r = \frac{(u_t - u_s)\,u_t}{v + u_t^2} < 1",
    symbols="r u mv t fast_s",
)
def contraction(g: torch.Generator) -> Sides:
    """Data N(m, v): the ratio of successive changes in the library's rounds, and the formula."""
    s, v = random_schedule(g), number(g, 0.2, 1.0)
    data = GaussianMixture.isotropic(torch.ones(1, dtype=torch.float64), randn(g, 1, 2), v)
    x, bar, (u, t) = randn(g, 5, 2), s.alpha_bar, (4, 9)
    exact = lambda x, k: data.eps(x, bar[k].sqrt(), (1 - bar[k]).sqrt())  # noqa: E731
    ends = torch.stack([last(ddim_invert(exact, s, x, times=[u, t], refine=r)) for r in range(3)])
    changes = ends.diff(dim=0)
    level = (1 / bar - 1).sqrt()
    ratio = (level[t] - level[u]) * level[t] / (v + level[t] ** 2)
    return Sides(changes[1] / changes[0], ratio.expand(5, 2))
