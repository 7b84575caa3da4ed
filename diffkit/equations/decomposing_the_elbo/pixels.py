r"""Landing on pixels: bins and bits.  Equations (4.20) to (4.22)."""

import math

import numpy as np
import torch

from diffkit import elbo
from diffkit.equations.chains import log_normal
from diffkit.equations.decomposing_the_elbo.common import HO
from diffkit.equations.draws import randn
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import Gaussian


@twin(
    "4.20",
    r"p_\theta(\mathbf{x}_0\mid\mathbf{x}_1) = \prod_{i=1}^{d} \left[\Phi\!\left(\frac{b_+(x_0^i) - \mu_\theta^i(\mathbf{x}_1, 1)}{\sigma_1}\right) - \Phi\!\left(\frac{b_-(x_0^i) - \mu_\theta^i(\mathbf{x}_1, 1)}{\sigma_1}\right)\right]",
    symbols="p_theta x_0 x_t d Phi bin mu_theta sigma",
    source=f"{HO}, eq. 13",
)
def discretised(g: torch.Generator) -> Sides:
    """Three pixels of 9 values, the first and the last among them: integrals of the density, and the formula."""
    bins, std = 9, 0.2 + 0.3 * torch.rand(1, generator=g, dtype=torch.float64)
    k = torch.tensor([0, int(torch.randint(1, 8, (1,), generator=g)), 8])
    x, mean = (2 * k / 8 - 1).double(), 0.5 * randn(g, 3)
    low = torch.where(k == 0, -6.0, x - 1 / 8)
    high = torch.where(k == 8, 6.0, x + 1 / 8)
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(200))
    u = low + (high - low) * (nodes.unsqueeze(1) + 1) / 2  # (200, 3)
    slow = (high - low) / 2 * (weights @ torch.exp(log_normal(u, mean, std**2)))
    p = Gaussian(mean.unsqueeze(0), (std**2).reshape(1, 1))
    return Sides(slow.prod().reshape(1), torch.exp(elbo.discretized_log_prob(p, x.unsqueeze(0), bins)))


@twin(
    "4.21",
    r"\sum_{x' \le x} \left[\Phi\!\left(\frac{b_+(x') - \mu}{\sigma}\right) - \Phi\!\left(\frac{b_-(x') - \mu}{\sigma}\right)\right] = \Phi\!\left(\frac{b_+(x) - \mu}{\sigma}\right)",
    symbols="Phi bin mu_theta sigma",
)
def bins_telescope(g: torch.Generator) -> Sides:
    """The library's probabilities of 17 values added up one by one, and one distribution function."""
    bins = 17
    x = torch.linspace(-1, 1, bins, dtype=torch.float64).reshape(bins, 1)
    mean, std = 0.5 * randn(g, 1), 0.1 + 0.3 * torch.rand(1, generator=g, dtype=torch.float64)
    p = Gaussian(mean.expand(bins, 1), (std**2).reshape(1, 1))
    added = torch.cumsum(torch.exp(elbo.discretized_log_prob(p, x, bins)), 0)
    ends = torch.where(x < 1, x + 1 / (bins - 1), math.inf)[:, 0]
    return Sides(added, 0.5 * (1 + torch.erf((ends - mean) / (std * 2**0.5))))


@twin(
    "4.22",
    r"b = \frac{-\log P(\mathbf{x}_0)}{d \log 2} = \frac{-\log p(\mathbf{x}_0)}{d \log 2} - \log_2 w",
    symbols="bits P_bin x_0 d w",
)
def bits_per_dimension(g: torch.Generator) -> Sides:
    """A density that is flat in each bin of width w: bits from the bins' probabilities, and from the density."""
    bins, d, width = 16, 5, 2 / 16
    P = torch.rand(bins, generator=g, dtype=torch.float64) + 0.1
    P = P / P.sum()
    k = torch.randint(0, bins, (4, d), generator=g)
    nats = -torch.log(P[k] / width).sum(1)  # minus the log density of each example
    return Sides(-torch.log2(P[k]).mean(1), elbo.bits_per_dim(nats, d, bin_width=width))
