r"""Filling in by replacement.  Equations (11.21) to (11.22)."""

import torch
from torch import Tensor

from diffkit.equations.controllable_generation.common import SONG, labelled, moments_by_derivatives, one_bell
from diffkit.equations.draws import F64, number, randn
from diffkit.equations.registry import Sides, twin
from diffkit.samplers import inpaint, last
from diffkit.schedule import linear


@twin(
    "11.21",
    r"\mathbf{x}_{t-1} = M \odot \left(\sqrt{\bar\alpha_{t-1}}\,\mathbf{k} + \sqrt{1-\bar\alpha_{t-1}}\,\mathbf{z}\right) + (1-M) \odot \left(\boldsymbol\mu + \sigma_t\,\boldsymbol\varepsilon\right)",
    symbols="x_t cg_M cg_k cg_z alpha_bar cg_mu cg_sigma eps",
    source=f"{SONG}, appendix I.2; Lugmayr et al. 2022, eq. 8",
)
def replacement(g: torch.Generator) -> Sides:
    """Left: the library's inpainting, run to its end.  Right: a loop over single images with the same draws."""
    m, s, x = labelled(g, 3), linear(8, 0.02, 0.4), randn(g, 5, 3)
    known, mask = randn(g, 5, 3), torch.tensor([True, False, True])
    seed = int(torch.randint(2**31, (1,), generator=g))
    one, other = (torch.Generator().manual_seed(seed) for _ in range(2))

    def eps(v: Tensor, t: Tensor) -> Tensor:
        return m.data.eps(v, s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt())

    left = last(inpaint(eps, s, x, known, mask, generator=one))
    for t in range(8, 0, -1):
        fresh, z = randn(other, 5, 3), randn(other, 5, 3)
        score = m.data.score(x, float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))
        mean = (x + s.beta[t] * score) / s.alpha[t].sqrt()
        free = mean + s.beta[t].sqrt() * fresh if t > 1 else mean
        fixed = s.alpha_bar[t - 1].sqrt() * known + s.noise_var[t - 1].sqrt() * z
        x = torch.stack([fixed[:, i] if mask[i] else free[:, i] for i in range(3)], 1)
    return Sides(left, x)


def _pair(rho: float) -> Tensor:
    """Covariance of two coordinates of variance 1 and correlation rho."""
    return torch.tensor([[1.0, rho], [rho, 1.0]], dtype=F64)


@twin(
    "11.22",
    r"m_{t-1} = a_t\,m_t + b_t\sqrt{\bar\alpha_t}\,k, \qquad v_{t-1} = a_t^2\,v_t + b_t^2\,(1-\bar\alpha_t) + \sigma_t^2",
    symbols="cg_m cg_ab cg_k alpha_bar cg_sigma",
)
def replacement_on_a_pair(g: torch.Generator) -> Sides:
    """Left: the chain written out with exact predictions, differentiated by its noises.  Right: the recursion."""
    rho, k, s = number(g, 0.5, 0.9), number(g, -2, 2), linear(10, 0.02, number(g, 0.3, 0.5))
    data = one_bell(torch.zeros(2, dtype=F64), _pair(rho))

    def run(z: Tensor) -> Tensor:
        u = z[0]
        for t in range(10, 0, -1):
            a, sd = s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt()
            x = torch.stack([a * k + sd * z[2 * t - 1], u]).unsqueeze(0)
            mean = (x - s.beta[t] / sd * data.eps(x, a, sd)) / s.alpha[t].sqrt()
            u = mean[0, 1] + (s.beta[t].sqrt() * z[2 * t] if t > 1 else 0)
        return u

    m, var = torch.zeros(()).double(), torch.ones(()).double()
    for t in range(10, 0, -1):
        r = s.alpha_bar[t] * rho  # the noisy pair still has variances 1
        a_t = (1 - s.beta[t] / (1 - r**2)) / s.alpha[t].sqrt()
        b_t = s.beta[t] * r / (1 - r**2) / s.alpha[t].sqrt()
        m = a_t * m + b_t * s.alpha_bar[t].sqrt() * k
        var = a_t**2 * var + b_t**2 * s.noise_var[t] + (s.beta[t] if t > 1 else 0)
    return Sides(moments_by_derivatives(run, 21), torch.stack([m, var]))
