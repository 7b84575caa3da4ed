r"""The size of the codes.  Equations (12.9) to (12.11)."""

import torch
from torch import Tensor

from diffkit.equations import chains
from diffkit.equations.draws import F64, number, randn, uniform
from diffkit.equations.quadrature import integrate, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.forward import kl_to_prior
from diffkit.gaussian import FullGaussian, Gaussian
from diffkit.oracle import GaussianMixture


def _codes_of_size(g: torch.Generator, c: float) -> GaussianMixture:
    """Three clusters with mean 0 and standard deviation c."""
    weights, means, var = torch.softmax(randn(g, 3), 0), randn(g, 3), uniform(g, 0.1, 0.4, 3)
    means = means - weights @ means
    size = float(weights @ (var + means**2)) ** 0.5
    return GaussianMixture.isotropic(weights, (c / size * means).unsqueeze(1), (c / size) ** 2 * var)


@twin(
    "12.9",
    r"\frac{\operatorname{Var}\!\left[\sqrt{\bar\alpha_t}\,z\right]}{\operatorname{Var}\!\left[\sqrt{1-\bar\alpha_t}\,\varepsilon\right]} = c^2\,\mathrm{SNR}(t) \qquad \text{for } \operatorname{Var}[z] = c^2",
    symbols="alpha_bar lat_z lat_c eps Var snr t",
    source="Rombach et al. 2022, appendix G",
)
def shifted_ratio(g: torch.Generator) -> Sides:
    """Clusters of size c: the variance of the shrunk codes by an integral over their density, at every t."""
    c, s = number(g, 0.4, 1.6), chains.random_schedule(g, 4)
    codes, ratios = _codes_of_size(g, c), []
    for t in range(1, s.T + 1):
        keep = float(s.alpha_bar[t].sqrt())

        def inside(x: Tensor, keep: float = keep) -> Tensor:
            return torch.exp(codes.log_prob(x.unsqueeze(1), keep, 0.0)) * x**2

        ratios.append(integrate(inside, -14, 14) / (1 - s.alpha_bar[t]))
    return Sides(torch.stack(ratios), c**2 * s.snr[1:])


@twin(
    "12.10",
    r"\mathbb{E}\!\left[L_T\right] = \tfrac{d}{2}\left[\bar\alpha_T\,(c^2 - 1) - \log(1-\bar\alpha_T)\right]",
    symbols="E lat_L d alpha_bar T lat_c",
)
def end_of_the_chain(g: torch.Generator) -> Sides:
    """Clusters of size c: the library's divergence from the prior averaged over them, and the formula."""
    c, s = number(g, 0.4, 3), chains.random_schedule(g, 4)
    codes = _codes_of_size(g, c)
    noise, w = normal_nodes(8)
    z = codes.means + codes.covs[:, :, 0].sqrt() * noise  # (3, nodes)
    slow = codes.weights @ (kl_to_prior(s, z.reshape(-1, 1)).reshape(z.shape) @ w)
    bar = s.alpha_bar[-1]
    return Sides(slow.reshape(1), (0.5 * (bar * (c**2 - 1) - torch.log(1 - bar))).reshape(1))


@twin(
    "12.11",
    r"u_i = \frac{z_i - m_i}{s_i} \quad\Longrightarrow\quad \log p(\mathbf{z}) = \log p(\mathbf{u}) - \sum_i \log s_i",
    symbols="lat_u lat_z lat_scale",
)
def scaled_density(g: torch.Generator) -> Sides:
    """A Gaussian with random covariance in three dimensions: its density at z, and that of the scaled one at u."""
    mix, mean, z = randn(g, 3, 3) + 2 * torch.eye(3, dtype=F64), randn(g, 3), randn(g, 6, 3)
    shift, s = randn(g, 3), uniform(g, 0.3, 3, 3)
    cov = mix @ mix.mT
    scaled = FullGaussian((mean - shift) / s, cov / torch.outer(s, s))
    return Sides(FullGaussian(mean, cov).log_prob(z), scaled.log_prob((z - shift) / s) - torch.log(s).sum())


@twin(
    "12.11e",
    r"u_i = \frac{z_i - m_i}{s_i} \quad\Longrightarrow\quad \log p(\mathbf{z}) = \log p(\mathbf{u})",
    symbols="lat_u lat_z lat_scale",
    source="code that reports likelihoods of scaled codes",
    erratum="A density is per unit of volume. Codes that are squeezed by s are s times denser: the sum of log s is missing.",
)
def volume_forgotten(g: torch.Generator) -> Sides:
    """The same Gaussian, without the change of volume."""
    mean, z, s = randn(g, 3), randn(g, 6, 3), uniform(g, 2, 3, 3)
    one = Gaussian(mean.expand(6, 3), torch.ones(6, 3, dtype=F64))
    return Sides(one.log_prob(z), one.affine(1 / s).log_prob(z / s))
