r"""A schedule that is learned.  Equations (12.18) to (12.23)."""

import torch
from torch import Tensor
from torch.func import grad, vmap

from diffkit import elbo, nets
from diffkit.equations.draws import F64, number, randn
from diffkit.equations.grids import interval_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.schedule import from_log_snr

KINGMA = "Kingma et al. 2021"


class _Path:
    """A falling log ratio from 5 to -5 with a bend, and Gaussian data of variance v, whose best error is known."""

    high, low = 5.0, -5.0

    def __init__(self, g: torch.Generator) -> None:
        self.bend, self.v = number(g, 0.3, 0.9), number(g, 0.3, 3)

    def log_snr(self, u: Tensor) -> Tensor:
        return self.high + (self.low - self.high) * (u + self.bend * torch.sin(torch.pi * u) ** 2 / torch.pi)

    def slope(self, u: Tensor) -> Tensor:
        """d log SNR / du by automatic differentiation."""
        return vmap(grad(self.log_snr))(u)

    def error(self, log_snr: Tensor) -> Tensor:
        """Least mean squared error of the noise, for data N(0, v): v SNR / (1 + v SNR)."""
        return torch.sigmoid(log_snr + torch.log(torch.tensor(self.v, dtype=F64)))

    def integral(self) -> Tensor:
        """The integral of the error from one end to the other."""
        ends = torch.tensor([self.high, self.low], dtype=F64) + torch.log(torch.tensor(self.v, dtype=F64))
        up, down = torch.nn.functional.softplus(ends)
        return (up - down).reshape(1)

    def over_time(self, power: int = 1) -> Tensor:
        """The integral of (-slope times error)^power over u from 0 to 1."""
        u, w = interval_nodes(0.0, 1.0, 200)
        return (w @ (-self.slope(u) * self.error(self.log_snr(u))) ** power).reshape(1)


@twin(
    "12.18",
    r"\sigma_t^2 = \tilde\beta_t \quad\Longrightarrow\quad w_t = \tfrac12\left(\frac{\mathrm{SNR}(t-1)}{\mathrm{SNR}(t)} - 1\right) = \tfrac12\left(e^{\lambda_{t-1} - \lambda_t} - 1\right)",
    symbols="sigma_t beta_tilde lat_weight snr lat_lambda t",
    source=f"{KINGMA}, eq. 14",
)
def weights(g: torch.Generator) -> Sides:
    """The library's weights beta_t^2 / (2 beta_tilde_t alpha_t (1 - alpha_bar_t)) for t = 2..T, and the exponential."""
    ratios = randn(g, 8).sort(descending=True).values * 2
    return Sides(elbo.weights(from_log_snr(ratios), "beta_tilde")[2:], 0.5 * torch.expm1(ratios[:-1] - ratios[1:]))


@twin(
    "12.19",
    r"\lim_{T \to \infty} \sum_{t=2}^{T} w_t\, \mathbb{E}\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2 = \tfrac12\,\mathbb{E}_{u \sim \mathcal{U}(0,1)}\!\left[-\lambda'(u)\, \mathbb{E}\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2\right]",
    symbols="T t lat_weight E eps eps_theta lat_time lat_lambda",
    source=f"{KINGMA}, eq. 17",
)
def many_steps(g: torch.Generator) -> Sides:
    """The sum for T = 33 to 4097 steps, its powers of 1/T removed by Richardson; the integral by quadrature."""
    path = _Path(g)
    rows = []
    for k in range(8):
        ratio = path.log_snr(torch.linspace(0, 1, 2 ** (k + 5) + 1, dtype=F64))
        rows.append((0.5 * torch.expm1(ratio[:-1] - ratio[1:]) * path.error(ratio[1:])).sum())
    sums = torch.stack(rows)
    for k in range(1, 8):
        sums = (2**k * sums[1:] - sums[:-1]) / (2**k - 1)
    return Sides(sums, 0.5 * path.over_time())


@twin(
    "12.20",
    r"\tfrac12\,\mathbb{E}_{u \sim \mathcal{U}(0,1)}\!\left[-\lambda'(u)\, h(\lambda(u))\right] = \tfrac12 \int_{\lambda(1)}^{\lambda(0)} h(\lambda)\, d\lambda",
    symbols="E lat_time lat_lambda lat_h",
    source=f"{KINGMA}, eq. 18",
)
def ends_alone(g: torch.Generator) -> Sides:
    """Three paths with the same ends, each integrated over u; the integral over the log ratio in closed form."""
    paths = [_Path(g) for _ in range(3)]
    for path in paths[1:]:
        path.v = paths[0].v
    return Sides(torch.cat([0.5 * p.over_time() for p in paths]), 0.5 * paths[0].integral().expand(3))


@twin(
    "12.21",
    r"\left(\int_{\lambda(1)}^{\lambda(0)} h(\lambda)\, d\lambda\right)^{2} \le \mathbb{E}_{u \sim \mathcal{U}(0,1)}\!\left[\left(\lambda'(u)\, h(\lambda(u))\right)^2\right]",
    symbols="lat_lambda lat_h E lat_time",
    relation="<=",
)
def least_square(g: torch.Generator) -> Sides:
    """Three random paths: the square of the closed form, and the second moment over u by quadrature."""
    paths = [_Path(g) for _ in range(3)]
    return Sides(torch.cat([p.integral() ** 2 for p in paths]), torch.cat([p.over_time(2) for p in paths]))


@twin(
    "12.22",
    r"\lambda(u) = \lambda(0) + \left(\lambda(1) - \lambda(0)\right) \frac{g(u) - g(0)}{g(1) - g(0)}, \qquad g(u) = \zeta(a)\,u + \sum_j \zeta(h_j)\, S\!\left(\zeta(w_j)\,(u - a_j)\right)",
    symbols="lat_lambda lat_time lat_net lat_softplus",
    source=f"after {KINGMA}, appendix H",
)
def monotone_network(g: torch.Generator) -> Sides:
    """The library's network with random weights at nine times, and the formula with explicit logarithms, unit by unit."""
    net = nets.LogSnr(number(g, 3, 9), number(g, -9, -3), width=5).double()
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name not in ("highest", "lowest"):
                p.copy_(2 * torch.randn(p.shape, generator=g, dtype=F64))
        u = torch.rand(9, generator=g, dtype=F64)
        found = net(u)
        weights = [[float(v) for v in p] for p in (net.middle, net.steepness, net.height)]

        def rise(time: Tensor) -> Tensor:
            total = torch.log(1 + torch.exp(net.slope)) * time
            for middle, steep, height in zip(*weights, strict=True):
                steep, height = (torch.log(1 + torch.exp(torch.tensor(v, dtype=F64))) for v in (steep, height))
                total = total + height / (1 + torch.exp(-steep * (time - middle)))
            return total

        start, end = rise(torch.zeros(1, dtype=F64)), rise(torch.ones(1, dtype=F64))
        share = (rise(u) - start) / (end - start)
        return Sides(found, net.highest * (1 - share) + net.lowest * share)


@twin(
    "12.23",
    r"\int_{\lambda(u)}^{\lambda(0)} h(\lambda)\, d\lambda = u \int_{\lambda(1)}^{\lambda(0)} h(\lambda)\, d\lambda \quad\Longrightarrow\quad -\lambda'(u)\, h(\lambda(u)) = \int_{\lambda(1)}^{\lambda(0)} h(\lambda)\, d\lambda \quad \text{for every } u",
    symbols="lat_lambda lat_h lat_time",
)
def best_path(g: torch.Generator) -> Sides:
    """For data N(0, v) the left equation can be solved for the path; its derivative by automatic differentiation."""
    path = _Path(g)
    log_v = torch.log(torch.tensor(path.v, dtype=F64))
    up, down = torch.nn.functional.softplus(torch.tensor([path.high, path.low], dtype=F64) + log_v)

    def log_snr(u: Tensor) -> Tensor:
        area = (1 - u) * up + u * down  # log(1 + v SNR) falls on a straight line
        return torch.log(torch.expm1(area)) - log_v

    u = torch.rand(6, generator=g, dtype=F64)
    return Sides(-vmap(grad(log_snr))(u) * path.error(log_snr(u)), path.integral().expand(6))
