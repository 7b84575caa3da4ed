r"""From two steps to any number in one jump.  Equations (2.6) to (2.14)."""

import torch
from torch import Tensor

from diffkit import forward
from diffkit.equations.draws import randn
from diffkit.equations.forward_process.common import HO, random_schedule
from diffkit.equations.quadrature import normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import Gaussian
from diffkit.schedule import Schedule


def _chain(x_0: Tensor, s: Schedule, noises: Tensor, t: int) -> Tensor:
    for u in range(1, t + 1):
        x_0 = s.alpha[u].sqrt() * x_0 + s.beta[u].sqrt() * noises[u]
    return x_0


@twin(
    "2.6",
    r"\mathbf{x}_t = \sqrt{\alpha_t \alpha_{t-1}}\,\mathbf{x}_{t-2} + \sqrt{\alpha_t (1-\alpha_{t-1})}\,\boldsymbol\varepsilon_{t-1} + \sqrt{1-\alpha_t}\,\boldsymbol\varepsilon_t",
    symbols="x_t alpha eps",
)
def two_steps(g: torch.Generator) -> Sides:
    """Two steps taken one after the other, and the line that inserts the first into the second."""
    s, x, e1, e2, t = random_schedule(g), randn(g, 6, 3), randn(g, 6, 3), randn(g, 6, 3), 6
    middle = s.alpha[t - 1].sqrt() * x + s.beta[t - 1].sqrt() * e1
    slow = s.alpha[t].sqrt() * middle + s.beta[t].sqrt() * e2
    a, b = s.alpha[t], s.alpha[t - 1]
    return Sides(slow, (a * b).sqrt() * x + (a * (1 - b)).sqrt() * e1 + (1 - a).sqrt() * e2)


@twin(
    "2.7",
    r"\alpha_t (1-\alpha_{t-1}) + (1-\alpha_t) = 1 - \alpha_t \alpha_{t-1}",
    symbols="alpha",
)
def two_variances(g: torch.Generator) -> Sides:
    """The variances of the two noises add up; every t at once."""
    a = random_schedule(g).alpha
    return Sides(a[2:] * (1 - a[1:-1]) + (1 - a[2:]), 1 - a[2:] * a[1:-1])


@twin("2.8", r"\bar\alpha_t = \prod_{s=1}^{t} \alpha_s", symbols="alpha_bar alpha s t", source=f"{HO}, eq. 4")
def running_product(g: torch.Generator) -> Sides:
    """A loop that multiplies, and the library's table."""
    s = random_schedule(g)
    product, out = 1.0, [1.0]
    for t in range(1, s.T + 1):
        product *= float(s.alpha[t])
        out.append(product)
    return Sides(torch.tensor(out, dtype=torch.float64), s.alpha_bar)


@twin(
    "2.9",
    r"\alpha_t (1-\bar\alpha_{t-1}) + (1-\alpha_t) = 1 - \bar\alpha_t",
    symbols="alpha alpha_bar",
)
def induction_step(g: torch.Generator) -> Sides:
    """The step from t-1 to t of the induction, every t at once."""
    s = random_schedule(g)
    return Sides(s.alpha[1:] * (1 - s.alpha_bar[:-1]) + (1 - s.alpha[1:]), s.noise_var[1:])


@twin(
    "2.10",
    r"q(\mathbf{x}_t \mid \mathbf{x}_0) = \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\mathbf{x}_0,\ (1-\bar\alpha_t)\mathbf{I}\right)",
    symbols="q x_t x_0 alpha_bar N I",
    source=f"{HO}, eq. 4",
)
def marginal(g: torch.Generator) -> Sides:
    """The t-step density by Gaussian algebra one step at a time (scale, then add noise), and the closed form."""
    s, x_0, y, t = random_schedule(g), randn(g, 6, 3), randn(g, 6, 3), 9
    slow = Gaussian(x_0, torch.zeros(6, 1, dtype=torch.float64))
    for u in range(1, t + 1):
        slow = slow.affine(s.alpha[u].sqrt()) + Gaussian(torch.zeros_like(x_0), s.beta[u].expand(6, 1))
    return Sides(slow.log_prob(y), forward.q_marginal(s, x_0, t).log_prob(y))


@twin(
    "2.11",
    r"\mathbf{x}_t = \sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon, \qquad \boldsymbol\varepsilon \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="x_t x_0 alpha_bar eps N I",
    source=f"{HO}, section 3.2",
)
def jump(g: torch.Generator) -> Sides:
    """First and second moment of x_t: propagated through the chain step by step, and by quadrature of the jump."""
    s, x_0, t = random_schedule(g), randn(g, 4), 8
    mean, square = x_0, x_0**2
    for u in range(1, t + 1):
        mean, square = s.alpha[u].sqrt() * mean, s.alpha[u] * square + s.beta[u]
    eps, w = normal_nodes()
    x_t = s.alpha_bar[t].sqrt() * x_0 + (1 - s.alpha_bar[t]).sqrt() * eps.unsqueeze(1)
    return Sides(torch.cat([mean, square]), torch.cat([w @ x_t, w @ x_t**2]))


@twin(
    "2.12",
    r"\boldsymbol\varepsilon = \frac{1}{\sqrt{1-\bar\alpha_t}} \sum_{s=1}^{t} \sqrt{\frac{\bar\alpha_t}{\bar\alpha_s}\,\beta_s}\ \boldsymbol\varepsilon_s",
    symbols="eps alpha_bar beta s t",
)
def collapsed_noise(g: torch.Generator) -> Sides:
    """The chain run with its t noises, and one jump with the single noise made of them."""
    s, x_0, noises, t = random_schedule(g), randn(g, 6, 3), randn(g, 13, 6, 3), 10
    weights = (s.alpha_bar[t] / s.alpha_bar[1 : t + 1] * s.beta[1 : t + 1]).sqrt()
    eps = torch.einsum("s,sbd->bd", weights, noises[1 : t + 1]) / (1 - s.alpha_bar[t]).sqrt()
    return Sides(_chain(x_0, s, noises, t), s.alpha_bar[t].sqrt() * x_0 + (1 - s.alpha_bar[t]).sqrt() * eps)


@twin(
    "2.13",
    r"\sum_{s=1}^{t} \frac{\bar\alpha_t}{\bar\alpha_s}\,\beta_s = 1 - \bar\alpha_t",
    symbols="alpha_bar beta s t",
)
def variance_budget(g: torch.Generator) -> Sides:
    """What is left at t of the variance that each step added; every t."""
    s = random_schedule(g)
    ts = range(1, s.T + 1)
    slow = torch.stack([(s.alpha_bar[t] / s.alpha_bar[1 : t + 1] * s.beta[1 : t + 1]).sum() for t in ts])
    return Sides(slow, s.noise_var[1:])


@twin(
    "2.14",
    r"q(\mathbf{x}_t \mid \mathbf{x}_s) = \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\tfrac{\bar\alpha_t}{\bar\alpha_s}}\,\mathbf{x}_s,\ \Big(1-\tfrac{\bar\alpha_t}{\bar\alpha_s}\Big)\mathbf{I}\right)",
    symbols="q x_t s alpha_bar N I",
)
def between(g: torch.Generator) -> Sides:
    """From s to t by Gaussian algebra one step at a time, and the closed form."""
    s, x_s, y = random_schedule(g), randn(g, 6, 3), randn(g, 6, 3)
    slow = Gaussian(x_s, torch.zeros(6, 1, dtype=torch.float64))
    for u in range(5, 12):
        slow = slow.affine(s.alpha[u].sqrt()) + Gaussian(torch.zeros_like(x_s), s.beta[u].expand(6, 1))
    return Sides(slow.log_prob(y), forward.q_between(s, x_s, 4, 11).log_prob(y))


@twin(
    "2.11e",
    r"\mathbf{x}_t = \bar\alpha_t\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon",
    symbols="x_t x_0 alpha_bar eps",
    source="said in a lecture on diffusion models",
    erratum="The root over alpha_bar_t is missing: the mean of the chain is sqrt(alpha_bar_t) x_0.",
)
def jump_without_root(g: torch.Generator) -> Sides:
    """The mean of x_t through the chain, and the mean of this form."""
    s, x_0, t = random_schedule(g), randn(g, 4), 8
    mean = x_0
    for u in range(1, t + 1):
        mean = s.alpha[u].sqrt() * mean
    return Sides(mean, s.alpha_bar[t] * x_0)


@twin(
    "2.8e",
    r"\bar\alpha_t = \Big(\prod_{s=1}^{t} \alpha_s\Big)^{1/t}",
    symbols="alpha_bar alpha s t",
    source="said in a lecture on diffusion models, and corrected there",
    erratum="alpha_bar is the running product; the bar does not mean an average, geometric or other.",
)
def geometric_mean(g: torch.Generator) -> Sides:
    """Share of the data's variance left by the chain, and the geometric mean of the alphas."""
    s = random_schedule(g)
    share = torch.cumprod(s.alpha, 0)[1:]
    return Sides(share, share ** (1 / torch.arange(1, s.T + 1)))
