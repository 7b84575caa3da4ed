"""The expected divergences of a short chain, which an equation and its erratum share."""

import torch
from torch import Tensor

from diffkit.equations.quadrature import normal_nodes
from diffkit.equations.small_chain import SmallChain

HO = "Ho et al. 2020"


def expected_divergences(chain: SmallChain) -> list[Tensor]:
    """E over q(x_t | x_0) of KL(q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t)) for t = 2..T, closed form inside."""
    z, w = normal_nodes(12)
    out = []
    for t in range(2, chain.s.T + 1):
        x_t = chain.s.alpha_bar[t].sqrt() * chain.x_0 + chain.s.noise_var[t].sqrt() * z
        mean, var = chain.posterior(x_t, t)
        r = var / chain.var[t]
        out.append(w @ (0.5 * ((mean - chain.reverse_mean(x_t, t)) ** 2 / chain.var[t] + r - 1 - torch.log(r))))
    return out
