r"""The two chains become equations.  Equations (8.5) to (8.9)."""

import math

import torch
from torch import Tensor

from diffkit import sigmas
from diffkit.equations.draws import F64, number, randn
from diffkit.equations.grids import interval_nodes
from diffkit.equations.limits import limit
from diffkit.equations.registry import Sides, twin
from diffkit.equations.stochastic_differential_equations.common import SONG
from diffkit.forward import q_step
from diffkit.schedule import Schedule
from diffkit.sde import VE, VP


def _chain(sde: VP, T: int) -> Schedule:
    """The DDPM chain of T steps with beta_i = beta(i/T)/T."""
    t = torch.arange(T + 1, dtype=F64) / T
    return Schedule(torch.where(t > 0, sde.beta(t) / T, 0.0))


@twin(
    "8.5",
    r"\mathbf{x}_t = \sqrt{1-\beta(t)\,\Delta}\;\mathbf{x}_{t-\Delta} + \sqrt{\beta(t)\,\Delta}\;\boldsymbol\varepsilon, \qquad t = i\,\Delta, \quad \Delta = \frac1T, \quad \beta_i = \beta(t)\,\Delta",
    symbols="sde_x sde_t sde_beta sde_delta eps T",
    source=f"Ho et al. 2020, eq. 2, in the letters of {SONG}, appendix B",
)
def chain_in_time(g: torch.Generator) -> Sides:
    """The chain of lesson 02 with the table beta_i, all its steps, and the formula in time."""
    low, high, T, x = number(g, 0.2, 0.8), number(g, 3, 6), 12, randn(g, 4, 2)
    noises = randn(g, T, 4, 2)
    s, y = _chain(VP(low, high), T), x
    for i in range(1, T + 1):
        x = q_step(s, x, i).sample(noise=noises[i - 1])
        beta = (low + i / T * (high - low)) / T
        y = math.sqrt(1 - beta) * y + math.sqrt(beta) * noises[i - 1]
    return Sides(x, y)


@twin(
    "8.6",
    r"d\mathbf{x} = -\tfrac12\,\beta(t)\,\mathbf{x}\,dt + \sqrt{\beta(t)}\,d\mathbf{w}",
    symbols="sde_x sde_beta sde_t sde_w",
    source=f"{SONG}, eq. 11",
)
def chain_to_vp(g: torch.Generator) -> Sides:
    """Mean and variance of one step of the chain, divided by the step, as it shrinks to 0; drift and g^2 of VP."""
    sde, x, t = VP(number(g, 0.2, 0.8), number(g, 3, 6)), randn(g, 5, 1), number(g, 0.1, 0.9)

    def per_time(dt: float) -> Tensor:
        one = Schedule(torch.stack([torch.zeros((), dtype=F64), sde.beta(t) * dt]))
        after = q_step(one, x, 1)
        return torch.cat([(after.mean - x) / dt, after.var.reshape(1, 1) / dt])

    formula = torch.cat([sde.drift(x, t), (sde.diffusion(t) ** 2).reshape(1, 1)])
    return Sides(limit(per_time, 0.05), formula)


@twin(
    "8.7",
    r"\lim_{T\to\infty}\ \prod_{i=1}^{tT} \Big(1 - \frac{\beta(i/T)}{T}\Big) = e^{-B(t)}, \qquad B(t) = \int_0^t \beta(u)\,du",
    symbols="T sde_beta sde_t sde_B",
    source=f"{SONG}, appendix B",
)
def product_to_exponential(g: torch.Generator) -> Sides:
    """alpha_bar of the chain at t = 1/4, 1/2, 3/4, 1 for T = 32 to 8192, carried to T = infinity; the exponential."""
    sde = VP(number(g, 0.2, 0.8), number(g, 3, 6))
    quarters = torch.tensor([0.25, 0.5, 0.75, 1.0], dtype=F64)

    def alpha_bar(step: float) -> Tensor:
        T = round(1 / step)
        return _chain(sde, T).alpha_bar[(quarters * T).long()]

    nodes, w = interval_nodes(0.0, 1.0, 20)
    B = torch.stack([t * w @ sde.beta(t * nodes) for t in quarters])
    return Sides(limit(alpha_bar, 1 / 32, 9), torch.exp(-B))


@twin(
    "8.8",
    r"d\mathbf{x} = g(t)\,d\mathbf{w}, \qquad g(t)^2 = \lim_{\Delta\to0} \frac{\sigma(t)^2 - \sigma(t-\Delta)^2}{\Delta} = \frac{d\,[\sigma(t)^2]}{dt}",
    symbols="sde_x sde_g sde_w sde_t sde_level sde_delta",
    source=f"{SONG}, eq. 9",
)
def ladder_to_ve(g: torch.Generator) -> Sides:
    """The ladder of lesson 07 at its middle rung, with 5 to 513 rungs: added variance per time; g^2 of the library."""
    low, high = number(g, 0.05, 0.2), number(g, 1.5, 3)

    def per_time(dt: float) -> Tensor:
        n = round(1 / dt)  # steps from the cleanest rung, t = 0, to the noisiest, t = 1
        rungs = sigmas.geometric(n + 1, low, high)[1:]
        return ((rungs[n // 2] ** 2 - rungs[n // 2 - 1] ** 2) * n).reshape(1)

    return Sides(limit(per_time, 1 / 4), (VE(low, high).diffusion(0.5) ** 2).reshape(1))


@twin(
    "8.9",
    r"\sigma(t) = \sigma_{\min}\,r^{\,t}, \quad r = \frac{\sigma_{\max}}{\sigma_{\min}} \qquad\Longrightarrow\qquad g(t) = \sigma_{\min}\,r^{\,t}\,\sqrt{2\log r}",
    symbols="sde_level sde_r sde_t sde_g",
    source=f"{SONG}, appendix C",
)
def ve_diffusion(g: torch.Generator) -> Sides:
    """The derivative of sigma(t)^2 by automatic differentiation, and the formula."""
    low, high = number(g, 0.05, 0.2), number(g, 1.5, 3)
    t = torch.rand(5, generator=g, dtype=F64).requires_grad_()
    (slope,) = torch.autograd.grad(((low * (high / low) ** t) ** 2).sum(), t)
    r = high / low
    return Sides(slope.sqrt(), low * r ** t.detach() * math.sqrt(2 * math.log(r)))
