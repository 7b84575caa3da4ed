r"""Schedules and the signal-to-noise ratio.  Equations (2.15) to (2.19)."""

import math

import torch

from diffkit import schedule
from diffkit.equations.forward_process.common import HO, random_schedule
from diffkit.equations.registry import Sides, twin
from diffkit.schedule import Schedule


@twin(
    "2.15",
    r"\log \bar\alpha_T = \sum_{t=1}^{T} \log(1-\beta_t) \le -\sum_{t=1}^{T} \beta_t",
    symbols="alpha_bar beta T t",
    relation="<=",
)
def log_product(g: torch.Generator) -> Sides:
    """log alpha_bar_T against minus the sum of the betas, for schedules of 1 to 12 steps."""
    s = random_schedule(g)
    return Sides(torch.log(s.alpha_bar[1:]), -torch.cumsum(s.beta, 0)[1:])


@twin(
    "2.16",
    r"\beta_t = \frac{1}{(t+1)^2} \quad\Longrightarrow\quad \bar\alpha_T = \frac{T+2}{2(T+1)} \;\longrightarrow\; \frac12",
    symbols="beta alpha_bar T",
)
def stalls(g: torch.Generator) -> Sides:
    """Betas whose sum converges: the product from the library's table, and its closed form, at random T."""
    T = torch.randint(5, 3000, (6,), generator=g)
    beta = torch.cat([torch.zeros(1), 1 / (torch.arange(1, 3001) + 1.0).double() ** 2])
    return Sides(Schedule(beta).alpha_bar[T], (T + 2) / (2 * (T + 1).double()))


@twin(
    "2.17",
    r"\beta_t = \beta_1 + \frac{t-1}{T-1}\,(\beta_T - \beta_1)",
    symbols="beta t T",
    source=f"{HO}, section 4",
)
def linear_schedule(g: torch.Generator) -> Sides:
    """The formula in a loop, and the library's table."""
    low, high = (0.2 * torch.rand(2, generator=g, dtype=torch.float64) + 1e-4).tolist()
    slow = [low + (t - 1) / 19 * (high - low) for t in range(1, 21)]
    return Sides(torch.tensor(slow, dtype=torch.float64), schedule.linear(20, low, high).beta[1:])


@twin(
    "2.18",
    r"\bar\alpha_t = \frac{f(t)}{f(0)}, \qquad f(t) = \cos^2\!\left(\frac{\pi}{2} \cdot \frac{t/T + s_0}{1 + s_0}\right), \qquad \beta_t = 1 - \frac{\bar\alpha_t}{\bar\alpha_{t-1}}",
    symbols="alpha_bar f T t beta",
    source="Nichol & Dhariwal 2021, eq. 17",
)
def cosine_schedule(g: torch.Generator) -> Sides:
    """The curve f(t)/f(0), and the product of the library's 1 - beta, up to the last step where beta is clipped."""
    T, s_0 = 40, 0.001 + 0.02 * float(torch.rand(1, generator=g))
    f = [math.cos(math.pi / 2 * (t / T + s_0) / (1 + s_0)) ** 2 for t in range(T)]
    curve = torch.tensor(f, dtype=torch.float64) / f[0]
    return Sides(curve, torch.cumprod(1 - schedule.cosine(T, s_0).beta[:T], 0))


@twin(
    "2.19",
    r"\mathrm{SNR}(t) = \frac{\bar\alpha_t}{1-\bar\alpha_t}",
    symbols="snr alpha_bar",
    source="Kingma et al. 2021, eq. 2",
)
def signal_to_noise(g: torch.Generator) -> Sides:
    """For data of variance 1: variance of the data's part over variance of the noise's part, run through the chain."""
    s = random_schedule(g)
    signal, noise, out = 1.0, 0.0, []
    for t in range(1, s.T + 1):
        signal, noise = float(s.alpha[t]) * signal, float(s.alpha[t]) * noise + float(s.beta[t])
        out.append(signal / noise)
    return Sides(torch.tensor(out, dtype=torch.float64), s.snr[1:])
