r"""What checks of tables, data and training rest on.  Equations (13.15) to (13.19)."""

import torch
from torch import Tensor

from diffkit.equations.bug_hunt.common import T, slope
from diffkit.equations.draws import number, randn, uniform
from diffkit.equations.registry import Sides, twin
from diffkit.equations.small_chain import random_schedule
from diffkit.forward import q_posterior, q_step
from diffkit.schedule import Schedule


def _shares(s: Schedule) -> tuple[Tensor, Tensor]:
    """Squared share of the data and variance of the noise after 0, .., T single steps of the chain."""
    signal, noise = torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    signals, noises = [signal], [noise]
    for t in range(1, s.T + 1):
        step = q_step(s, signal, t)
        keep = step.mean / signal
        signal, noise = step.mean, keep[0] ** 2 * noise + step.var.reshape(-1)[:1]
        signals.append(signal)
        noises.append(noise)
    return torch.cat(signals)[:, 0] ** 2, torch.cat(noises)


@twin(
    "13.15",
    r"\bar\alpha_0 = 1, \qquad \frac{\bar\alpha_t}{\bar\alpha_{t-1}} = 1 - \beta_t",
    symbols="alpha_bar beta t",
)
def table(g: torch.Generator) -> Sides:
    """Share of the data's variance after single steps of the chain, and 1 - beta."""
    s = random_schedule(g, T)
    kept, _ = _shares(s)
    return Sides(torch.cat([kept[:1], kept[1:] / kept[:-1]]), torch.cat([torch.ones_like(kept[:1]), 1 - s.beta[1:]]))


@twin(
    "13.16",
    r"\mathbf{x}_t(\mathbf{x}_0 = \mathbf{1}, \boldsymbol\varepsilon = \mathbf{0})^2 = \bar\alpha_t, \qquad \mathbf{x}_t(\mathbf{x}_0 = \mathbf{0}, \boldsymbol\varepsilon = \mathbf{1})^2 = 1 - \bar\alpha_t",
    symbols="x_t x_0 eps alpha_bar",
    source="Ho et al. 2020, eq. 4",
)
def jump(g: torch.Generator) -> Sides:
    """Both shares by single steps of the chain, and by the table."""
    s = random_schedule(g, T)
    return Sides(torch.stack(_shares(s)), torch.stack([s.alpha_bar, 1 - s.alpha_bar]))


@twin(
    "13.17",
    r"\frac{\operatorname{Var}[\sqrt{\bar\alpha_t}\; c\, x_0]}{1 - \bar\alpha_t} = c^2\;\mathrm{SNR}(t)\,\operatorname{Var}[x_0]",
    symbols="Var alpha_bar c_scale x_0 snr",
)
def scaled_data(g: torch.Generator) -> Sides:
    """Variance of scaled data after single steps of the chain over the noise in them, and the formula."""
    s, x_0, c = random_schedule(g, T), randn(g, 50, 1), number(g, 0.1, 3.0)
    _, noise = _shares(s)
    x, left = c * x_0, []
    for t in range(1, T + 1):
        x = q_step(s, x, t).mean
        left.append(x.var() / noise[t])
    return Sides(torch.stack(left), c**2 * s.snr[1:] * x_0.var())


@twin(
    "13.18",
    r"c_t\,(1-\bar\alpha_t) = \sqrt{\alpha_t}\,(1-\bar\alpha_{t-1}), \qquad c_0 + c_t\sqrt{\bar\alpha_t} = \sqrt{\bar\alpha_{t-1}}, \qquad c_t^2\,(1-\bar\alpha_t) + \tilde\beta_t = 1 - \bar\alpha_{t-1}",
    symbols="c_post alpha_bar alpha beta_tilde",
)
def posterior_moments(g: torch.Generator) -> Sides:
    """Covariance, mean and variance of x_{t-1}, made from the library's posterior, and from the forward process."""
    s = random_schedule(g, T)
    t = torch.arange(2, T + 1)
    one, zero = torch.ones(T - 1, 1, dtype=torch.float64), torch.zeros(T - 1, 1, dtype=torch.float64)
    back = q_posterior(s, one, zero, t)
    c_0, c_t = back.mean[:, 0], q_posterior(s, zero, one, t).mean[:, 0]
    now, before = s.alpha_bar[t], s.alpha_bar[t - 1]
    var = back.var.expand_as(back.mean)[:, 0]
    left = torch.stack([c_t * (1 - now), c_0 + c_t * now.sqrt(), c_t**2 * (1 - now) + var])
    return Sides(left, torch.stack([s.alpha[t].sqrt() * (1 - before), before.sqrt(), 1 - before]))


@twin(
    "13.19",
    r"\frac{\partial L}{\partial w_i} = \frac{1}{B\,d}\,\|\boldsymbol\varepsilon_\theta(\mathbf{x}_t)_i - \boldsymbol\varepsilon_i\|^2",
    symbols="L_w w_i B d eps_theta x_t eps",
)
def own_weight(g: torch.Generator) -> Sides:
    """Derivative of the loss in each weight by automatic differentiation, and a loop over the examples."""
    guess, eps, weight = randn(g, 4, 3), randn(g, 4, 3), uniform(g, 0.5, 2.0, 4)
    left = slope(lambda w: (w * ((guess - eps) ** 2).mean(1)).mean(), weight).detach()
    loop = [sum(float(guess[i, j] - eps[i, j]) ** 2 for j in range(3)) / 12 for i in range(4)]
    return Sides(left, torch.tensor(loop, dtype=torch.float64))
