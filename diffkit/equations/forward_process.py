r"""Lesson 02, the forward process: the numbered equations (2.1) to (2.23) as functions.

In each twin the left side goes the slow road (loop, quadrature, automatic differentiation, Gaussian algebra step by
step), the right side is the formula.
"""

import math

import torch
from torch import Tensor

from diffkit import forward, schedule
from diffkit.data import bumps
from diffkit.equations.quadrature import integrate, normal_grid, normal_nodes
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI, FullGaussian, Gaussian
from diffkit.schedule import Schedule

HO = "Ho et al. 2020"


def _schedule(g: torch.Generator, T: int = 12) -> Schedule:
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = 0.01 + 0.4 * torch.rand(T, generator=g, dtype=torch.float64)
    return Schedule(beta)


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def _chain(x_0: Tensor, s: Schedule, noises: Tensor, t: int) -> Tensor:
    for u in range(1, t + 1):
        x_0 = s.alpha[u].sqrt() * x_0 + s.beta[u].sqrt() * noises[u]
    return x_0


@twin(
    "2.1",
    r"q(\mathbf{x}_{0:T}) = q(\mathbf{x}_0) \prod_{t=1}^{T} q(\mathbf{x}_t \mid \mathbf{x}_{t-1})",
    symbols="q x_0 x_t T t",
    source=f"{HO}, eq. 2",
)
def factorization(g: torch.Generator) -> Sides:
    """On Gaussian data of variance 0.5: the joint density from one big covariance matrix, and the product of steps."""
    s = _schedule(g, T=5)
    to_path = torch.zeros(6, 6, dtype=torch.float64)  # the path as a linear map of (x_0, eps_1, .., eps_5)
    to_path[0, 0] = 0.5**0.5
    for t in range(1, 6):
        to_path[t] = s.alpha[t].sqrt() * to_path[t - 1]
        to_path[t, t] = s.beta[t].sqrt()
    x = _randn(g, 8, 6)
    joint = FullGaussian(torch.zeros(6, dtype=torch.float64), to_path @ to_path.mT).log_prob(x)
    steps = Gaussian(torch.zeros_like(x[:, :1]), torch.full_like(x[:, :1], 0.5)).log_prob(x[:, :1])
    for t in range(1, 6):
        steps = steps + forward.q_step(s, x[:, t - 1 : t], t).log_prob(x[:, t : t + 1])
    return Sides(joint, steps)


@twin(
    "2.2",
    r"q(\mathbf{x}_t \mid \mathbf{x}_{t-1}) = \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{1-\beta_t}\,\mathbf{x}_{t-1},\ \beta_t \mathbf{I}\right)",
    symbols="q x_t beta N I",
    source=f"{HO}, eq. 2",
)
def step_density(g: torch.Generator) -> Sides:
    """The log density written out by hand, and the library's `q_step`."""
    s, x, y, t = _schedule(g), _randn(g, 6, 3), _randn(g, 6, 3), 4
    square = ((y - torch.sqrt(1 - s.beta[t]) * x) ** 2).sum(1)
    by_hand = -1.5 * math.log(2 * math.pi * float(s.beta[t])) - square / (2 * s.beta[t])
    return Sides(by_hand, forward.q_step(s, x, t).log_prob(y))


@twin(
    "2.3",
    r"\mathbf{x}_t = \sqrt{1-\beta_t}\,\mathbf{x}_{t-1} + \sqrt{\beta_t}\,\boldsymbol\varepsilon_t, \qquad \boldsymbol\varepsilon_t \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="x_t beta eps N I",
    source=f"{HO}, section 2",
)
def step_affine(g: torch.Generator) -> Sides:
    """Change of variables from eps to x_t = a x + b eps, log N(eps) - d log b, against the density (2.2)."""
    s, x, eps, t = _schedule(g), _randn(g, 6, 3), _randn(g, 6, 3), 7
    b = s.beta[t].sqrt()
    y = torch.sqrt(1 - s.beta[t]) * x + b * eps
    moved = -0.5 * ((eps**2).sum(1) + 3 * LOG_2PI) - 3 * torch.log(b)
    return Sides(moved, forward.q_step(s, x, t).log_prob(y))


@twin(
    "2.4",
    r"\mathbb{E}[\mathbf{x}_t \mid \mathbf{x}_{t-1}] = \sqrt{1-\beta_t}\,\mathbf{x}_{t-1}",
    symbols="E x_t beta",
)
def step_mean(g: torch.Generator) -> Sides:
    """The affine form averaged over the noise by quadrature."""
    s, x, t = _schedule(g), _randn(g, 3), 5
    eps, w = normal_grid(3)
    y = torch.sqrt(1 - s.beta[t]) * x + s.beta[t].sqrt() * eps
    return Sides(w @ y, torch.sqrt(1 - s.beta[t]) * x)


@twin(
    "2.5",
    r"\operatorname{Cov}[\mathbf{x}_t \mid \mathbf{x}_{t-1}] = \beta_t \mathbf{I}",
    symbols="Cov x_t beta I",
)
def step_covariance(g: torch.Generator) -> Sides:
    """The covariance of the affine form by quadrature, all nine entries."""
    s, x, t = _schedule(g), _randn(g, 3), 5
    eps, w = normal_grid(3)
    y = torch.sqrt(1 - s.beta[t]) * x + s.beta[t].sqrt() * eps
    centred = y - w @ y
    return Sides(centred.mT @ (w.unsqueeze(1) * centred), s.beta[t] * torch.eye(3, dtype=torch.float64))


@twin(
    "2.6",
    r"\mathbf{x}_t = \sqrt{\alpha_t \alpha_{t-1}}\,\mathbf{x}_{t-2} + \sqrt{\alpha_t (1-\alpha_{t-1})}\,\boldsymbol\varepsilon_{t-1} + \sqrt{1-\alpha_t}\,\boldsymbol\varepsilon_t",
    symbols="x_t alpha eps",
)
def two_steps(g: torch.Generator) -> Sides:
    """Two steps taken one after the other, and the line that inserts the first into the second."""
    s, x, e1, e2, t = _schedule(g), _randn(g, 6, 3), _randn(g, 6, 3), _randn(g, 6, 3), 6
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
    a = _schedule(g).alpha
    return Sides(a[2:] * (1 - a[1:-1]) + (1 - a[2:]), 1 - a[2:] * a[1:-1])


@twin("2.8", r"\bar\alpha_t = \prod_{s=1}^{t} \alpha_s", symbols="alpha_bar alpha s t", source=f"{HO}, eq. 4")
def running_product(g: torch.Generator) -> Sides:
    """A loop that multiplies, and the library's table."""
    s = _schedule(g)
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
    s = _schedule(g)
    return Sides(s.alpha[1:] * (1 - s.alpha_bar[:-1]) + (1 - s.alpha[1:]), s.noise_var[1:])


@twin(
    "2.10",
    r"q(\mathbf{x}_t \mid \mathbf{x}_0) = \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\mathbf{x}_0,\ (1-\bar\alpha_t)\mathbf{I}\right)",
    symbols="q x_t x_0 alpha_bar N I",
    source=f"{HO}, eq. 4",
)
def marginal(g: torch.Generator) -> Sides:
    """The t-step density by Gaussian algebra one step at a time (scale, then add noise), and the closed form."""
    s, x_0, y, t = _schedule(g), _randn(g, 6, 3), _randn(g, 6, 3), 9
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
    s, x_0, t = _schedule(g), _randn(g, 4), 8
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
    s, x_0, noises, t = _schedule(g), _randn(g, 6, 3), _randn(g, 13, 6, 3), 10
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
    s = _schedule(g)
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
    s, x_s, y = _schedule(g), _randn(g, 6, 3), _randn(g, 6, 3)
    slow = Gaussian(x_s, torch.zeros(6, 1, dtype=torch.float64))
    for u in range(5, 12):
        slow = slow.affine(s.alpha[u].sqrt()) + Gaussian(torch.zeros_like(x_s), s.beta[u].expand(6, 1))
    return Sides(slow.log_prob(y), forward.q_between(s, x_s, 4, 11).log_prob(y))


@twin(
    "2.15",
    r"\log \bar\alpha_T = \sum_{t=1}^{T} \log(1-\beta_t) \le -\sum_{t=1}^{T} \beta_t",
    symbols="alpha_bar beta T t",
    relation="<=",
)
def log_product(g: torch.Generator) -> Sides:
    """log alpha_bar_T against minus the sum of the betas, for schedules of 1 to 12 steps."""
    s = _schedule(g)
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
    s = _schedule(g)
    signal, noise, out = 1.0, 0.0, []
    for t in range(1, s.T + 1):
        signal, noise = float(s.alpha[t]) * signal, float(s.alpha[t]) * noise + float(s.beta[t])
        out.append(signal / noise)
    return Sides(torch.tensor(out, dtype=torch.float64), s.snr[1:])


@twin(
    "2.20",
    r"D_{\mathrm{KL}}\!\left(q(\mathbf{x}_t \mid \mathbf{x}_0)\,\|\,\mathcal{N}(\mathbf{0},\mathbf{I})\right) = \tfrac12\left[\bar\alpha_t\left(\|\mathbf{x}_0\|^2 - d\right) - d \log(1-\bar\alpha_t)\right]",
    symbols="KL q x_t x_0 alpha_bar d N I",
)
def kl_to_prior(g: torch.Generator) -> Sides:
    """E_q[log q - log p] by quadrature in three dimensions, and the closed form."""
    s, x_0, t = _schedule(g), _randn(g, 3), 6
    eps, w = normal_grid(3)
    q = forward.q_marginal(s, x_0.expand(len(eps), 3), t)
    x_t = q.sample(noise=eps)
    prior = Gaussian(torch.zeros_like(x_t), torch.ones_like(x_t))
    slow = w @ (q.log_prob(x_t) - prior.log_prob(x_t))
    ab = s.alpha_bar[t]
    return Sides(slow.reshape(1), (0.5 * (ab * ((x_0**2).sum() - 3) - 3 * torch.log(1 - ab))).reshape(1))


@twin(
    "2.21",
    r"\operatorname{Var}[x_t] = \bar\alpha_t \operatorname{Var}[x_0] + (1-\bar\alpha_t)",
    symbols="Var x_t x_0 alpha_bar",
)
def total_variance(g: torch.Generator) -> Sides:
    """Variance of the noisy mixture on the line by integrating its density, and the formula with Var[x_0] = 1.

    The data is scaled by a random factor, so that its variance is not 1.
    """
    s, t, data = _schedule(g), 4, bumps()
    size = 0.5 + float(torch.rand(1, generator=g))
    noisy = data.noised(size * float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt()))

    def moments(x: Tensor) -> Tensor:
        return torch.stack([x, x**2], 1) * torch.exp(noisy.log_prob(x.unsqueeze(1))).unsqueeze(1)

    first, second = integrate(moments, -14, 14)
    return Sides((second - first**2).reshape(1), (s.alpha_bar[t] * size**2 + s.noise_var[t]).reshape(1))


@twin(
    "2.22",
    r"q(\mathbf{x}_t) = \int q(\mathbf{x}_t \mid \mathbf{x}_0)\, q(\mathbf{x}_0)\, d\mathbf{x}_0 = \sum_k w_k\, \mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right)",
    symbols="q x_t x_0 mix alpha_bar N I",
)
def mixture_marginal(g: torch.Generator) -> Sides:
    """The integral over x_0 on a fine grid, and the mixture whose components moved and widened."""
    s, t, data, x_t = _schedule(g), 3, bumps(), _randn(g, 7)

    def integrand(x_0: Tensor) -> Tensor:
        step = Gaussian(s.alpha_bar[t].sqrt() * x_0.unsqueeze(1), s.noise_var[t].expand(1, 1))
        kernel = torch.exp(-0.5 * ((x_t - step.mean) ** 2 / step.var + torch.log(step.var) + LOG_2PI))
        return kernel * torch.exp(data.log_prob(x_0.unsqueeze(1))).unsqueeze(1)

    closed = data.log_prob(x_t.unsqueeze(1), s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt())
    return Sides(integrate(integrand, -8, 8), torch.exp(closed))


@twin(
    "2.23",
    r"\frac{\partial p_\tau(\mathbf{y})}{\partial \tau} = \tfrac12 \nabla^2 p_\tau(\mathbf{y}), \qquad \mathbf{y} = \frac{\mathbf{x}_t}{\sqrt{\bar\alpha_t}} = \mathbf{x}_0 + \sqrt{\tau}\,\boldsymbol\varepsilon, \quad \tau = \frac{1-\bar\alpha_t}{\bar\alpha_t}",
    symbols="tau y x_t x_0 eps alpha_bar",
)
def heat(g: torch.Generator) -> Sides:
    """The density of y at random points: its slope in tau and half its curvature in y, by automatic differentiation."""
    data = bumps()
    y = _randn(g, 5).requires_grad_()
    tau = (0.05 + torch.rand(5, generator=g, dtype=torch.float64)).requires_grad_()
    p = torch.exp(data.log_prob(y.unsqueeze(1), 1.0, tau.sqrt()))
    in_tau, in_y = torch.autograd.grad(p.sum(), (tau, y), create_graph=True)
    (curvature,) = torch.autograd.grad(in_y.sum(), y)
    return Sides(in_tau.detach(), 0.5 * curvature)


@twin(
    "2.11e",
    r"\mathbf{x}_t = \bar\alpha_t\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon",
    symbols="x_t x_0 alpha_bar eps",
    source="said in a lecture on diffusion models",
    erratum="The root over alpha_bar_t is missing: the mean of the chain is sqrt(alpha_bar_t) x_0.",
)
def jump_without_root(g: torch.Generator) -> Sides:
    """The mean of x_t through the chain, and the mean of this form."""
    s, x_0, t = _schedule(g), _randn(g, 4), 8
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
    s = _schedule(g)
    share = torch.cumprod(s.alpha, 0)[1:]
    return Sides(share, share ** (1 / torch.arange(1, s.T + 1)))
