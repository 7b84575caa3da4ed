r"""Lesson 05, DDPM: the numbered equations (5.1) to (5.28) as functions.

In each twin one side goes the slow road (conditioning a joint Gaussian, quadrature, automatic differentiation, a loop),
the other is the formula.
"""

import math

import torch
from torch import Tensor

from diffkit import elbo, forward, losses
from diffkit.data import bumps
from diffkit.equations.quadrature import integrate, normal_grid
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import LOG_2PI, FullGaussian, Gaussian, kl
from diffkit.oracle import GaussianMixture
from diffkit.parameterize import convert
from diffkit.schedule import Schedule

HO = "Ho et al. 2020"
HIGH_VARIANCE = 1.7  # of made-up Gaussian data, so that nothing hides behind a variance of 1


def _schedule(g: torch.Generator, T: int = 12) -> Schedule:
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = 0.02 + 0.35 * torch.rand(T, generator=g, dtype=torch.float64)
    return Schedule(beta)


def _randn(g: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=g, dtype=torch.float64)


def _variance(g: torch.Generator) -> float:
    return 0.3 + HIGH_VARIANCE * float(torch.rand(1, generator=g))


def _data_and_noise(data: GaussianMixture) -> tuple[Tensor, Tensor, Tensor]:
    """A fine grid over (x_0, eps) with weights: x_0 (n,), eps (n,), w (n,)."""
    x, e = torch.linspace(-5, 5, 801, dtype=torch.float64), torch.linspace(-9, 9, 401, dtype=torch.float64)
    w_x = torch.exp(data.log_prob(x.unsqueeze(1))) * (x[1] - x[0])
    w_e = torch.exp(-0.5 * (e**2 + LOG_2PI)) * (e[1] - e[0])
    x_0, eps = torch.cartesian_prod(x, e).unbind(1)
    return x_0, eps, torch.outer(w_x, w_e).flatten()


def _level(s: Schedule, t: int) -> tuple[float, float]:
    return float(s.alpha_bar[t].sqrt()), float(s.noise_var[t].sqrt())


def _step_given_x_0(s: Schedule, x_0: Tensor, t: int) -> FullGaussian:
    """q(x_{t-1}, x_t | x_0), one coordinate at a time: mean (B, 2), cov (2, 2)."""
    before, a = s.noise_var[t - 1], s.alpha[t].sqrt()
    mean = torch.stack([s.alpha_bar[t - 1].sqrt() * x_0, s.alpha_bar[t].sqrt() * x_0], 1)
    off = a * before
    return FullGaussian(mean, torch.stack([torch.stack([before, off]), torch.stack([off, a * off + s.beta[t]])]))


@twin(
    "5.1",
    r"\mathbf{x}_0 = \frac{1}{\sqrt{\bar\alpha_t}}\left(\mathbf{x}_t - \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon\right)",
    symbols="x_0 x_t alpha_bar eps",
    source=f"{HO}, section 3.2",
)
def x_0_from_noise(g: torch.Generator) -> Sides:
    """The x_0 that a chain of single steps started from, and the formula with all its noises collapsed to one."""
    s, x_0, t = _schedule(g), _randn(g, 4, 3), 9
    x, eps = x_0, torch.zeros_like(x_0)
    for u in range(1, t + 1):
        z = _randn(g, 4, 3)
        x, eps = s.alpha[u].sqrt() * x + s.beta[u].sqrt() * z, s.alpha[u].sqrt() * eps + s.beta[u].sqrt() * z
    eps = eps / s.noise_var[t].sqrt()
    return Sides(x_0, (x - s.noise_var[t].sqrt() * eps) / s.alpha_bar[t].sqrt())


@twin(
    "5.2",
    r"\frac{\beta_t}{(1-\bar\alpha_t)\sqrt{\alpha_t}} + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t} = \frac{1}{\sqrt{\alpha_t}}",
    symbols="alpha alpha_bar beta t",
)
def coefficient_of_x_t(g: torch.Generator) -> Sides:
    """Every t at once."""
    s = _schedule(g)
    a, now, before = s.alpha[1:], s.noise_var[1:], s.noise_var[:-1]
    return Sides(s.beta[1:] / (now * a.sqrt()) + a.sqrt() * before / now, 1 / a.sqrt())


@twin(
    "5.3",
    r"\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0) = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon\right)",
    symbols="mu_tilde x_t x_0 alpha beta alpha_bar eps",
    source=f"{HO}, eq. 8-10",
)
def posterior_mean_by_noise(g: torch.Generator) -> Sides:
    """The mean of x_{t-1} by conditioning the joint Gaussian of (x_{t-1}, x_t) given x_0, and the formula."""
    s, x_0, eps, t = _schedule(g), _randn(g, 8), _randn(g, 8), 7
    x_t = s.alpha_bar[t].sqrt() * x_0 + s.noise_var[t].sqrt() * eps
    slow = _step_given_x_0(s, x_0, t).condition([1], x_t.unsqueeze(1)).mean[:, 0]
    return Sides(slow, (x_t - s.beta[t] / s.noise_var[t].sqrt() * eps) / s.alpha[t].sqrt())


@twin(
    "5.3e",
    r"\tilde{\boldsymbol\mu}_t(\mathbf{x}_t, \mathbf{x}_0) = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\alpha_t}}\,\boldsymbol\varepsilon\right)",
    symbols="mu_tilde x_t x_0 alpha beta eps",
    source="what is left when the bar is not read aloud",
    erratum="The bar is missing under the root: the noise of x_t has the variance 1 - alpha_bar_t, not 1 - alpha_t.",
)
def posterior_mean_without_bar(g: torch.Generator) -> Sides:
    """The posterior mean by conditioning, and this form."""
    s, x_0, eps, t = _schedule(g), _randn(g, 8), _randn(g, 8), 7
    x_t = s.alpha_bar[t].sqrt() * x_0 + s.noise_var[t].sqrt() * eps
    slow = _step_given_x_0(s, x_0, t).condition([1], x_t.unsqueeze(1)).mean[:, 0]
    return Sides(slow, (x_t - s.beta[t] / s.beta[t].sqrt() * eps) / s.alpha[t].sqrt())


@twin(
    "5.4",
    r"\boldsymbol\mu_\theta(\mathbf{x}_t, t) = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right)",
    symbols="mu_theta eps_theta x_t t alpha beta alpha_bar",
    source=f"{HO}, eq. 11",
)
def model_mean(g: torch.Generator) -> Sides:
    """The posterior mean at the guess of x_0 that a noise prediction makes, and the formula."""
    s, x_t, eps, t = _schedule(g), _randn(g, 5, 3), _randn(g, 5, 3), 6
    guess = convert(eps, "eps", "x0", s, x_t, t)
    return Sides(forward.q_posterior(s, guess, x_t, t).mean, elbo.p_reverse(s, eps, x_t, t).mean)


@twin(
    "5.4e",
    r"\boldsymbol\mu_\theta(\mathbf{x}_t, t) = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right)",
    symbols="mu_theta eps_theta x_t t alpha beta alpha_bar",
    source="printed on a slide",
    erratum="The index of beta_t is missing. With one beta for all steps (here their mean) the step has the wrong length.",
)
def model_mean_with_one_beta(g: torch.Generator) -> Sides:
    """The posterior mean at the guess of x_0, and this form with the mean of the betas, at the step farthest from it."""
    s, x_t, eps = _schedule(g), _randn(g, 5, 3), 3 * _randn(g, 5, 3)
    one = s.beta[1:].mean()
    t = int((s.beta - one).abs()[1:].argmax()) + 1
    guess = convert(eps, "eps", "x0", s, x_t, t)
    printed = (x_t - one / s.noise_var[t].sqrt() * eps) / s.alpha[t].sqrt()
    return Sides(forward.q_posterior(s, guess, x_t, t).mean, printed)


@twin(
    "5.5",
    r"\nabla_{\mathbf{x}_t} \log q(\mathbf{x}_t \mid \mathbf{x}_0) = -\frac{\boldsymbol\varepsilon}{\sqrt{1-\bar\alpha_t}}",
    symbols="q x_t x_0 eps alpha_bar",
    source="Vincent 2011; Song & Ermon 2019, section 4.2",
)
def conditional_score(g: torch.Generator) -> Sides:
    """The slope of the log density of the jump by automatic differentiation, and the formula."""
    s, x_0, eps, t = _schedule(g), _randn(g, 4, 3), _randn(g, 4, 3), 8
    x_t = (s.alpha_bar[t].sqrt() * x_0 + s.noise_var[t].sqrt() * eps).requires_grad_()
    (slope,) = torch.autograd.grad(forward.q_marginal(s, x_0, t).log_prob(x_t).sum(), x_t)
    return Sides(slope, -eps / s.noise_var[t].sqrt())


@twin(
    "5.6",
    r"\mathbf{v} = \sqrt{\bar\alpha_t}\,\boldsymbol\varepsilon - \sqrt{1-\bar\alpha_t}\,\mathbf{x}_0 \quad\Longrightarrow\quad \mathbf{x}_0 = \sqrt{\bar\alpha_t}\,\mathbf{x}_t - \sqrt{1-\bar\alpha_t}\,\mathbf{v}, \quad \boldsymbol\varepsilon = \sqrt{1-\bar\alpha_t}\,\mathbf{x}_t + \sqrt{\bar\alpha_t}\,\mathbf{v}",
    symbols="v eps x_0 x_t alpha_bar",
    source="Salimans & Ho 2022, section 4",
)
def velocity(g: torch.Generator) -> Sides:
    """x_0 and eps by solving two linear equations for them, and the two formulas."""
    s, x_t, v, t = _schedule(g), _randn(g, 5), _randn(g, 5), 5
    a, b = s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt()
    system = torch.stack([torch.stack([a, b]), torch.stack([-b, a])])  # (x_t, v) from (x_0, eps)
    return Sides(torch.linalg.solve(system, torch.stack([x_t, v])), torch.stack([a * x_t - b * v, b * x_t + a * v]))


@twin(
    "5.7",
    r"\left\|\tilde{\boldsymbol\mu}_t - \boldsymbol\mu_\theta\right\|^2 = \frac{\beta_t^2}{\alpha_t\,(1-\bar\alpha_t)}\,\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\right\|^2",
    symbols="mu_tilde mu_theta beta alpha alpha_bar eps eps_theta",
    source=f"{HO}, eq. 12",
)
def distance_of_means(g: torch.Generator) -> Sides:
    """Two posterior means, one at the true x_0 and one at the guess, and the formula."""
    s, x_0, eps, wrong, t = _schedule(g), _randn(g, 6, 3), _randn(g, 6, 3), _randn(g, 6, 3), 4
    x_t = forward.q_sample(s, x_0, t, noise=eps)
    guess = convert(wrong, "eps", "x0", s, x_t, t)
    gap = forward.q_posterior(s, x_0, x_t, t).mean - forward.q_posterior(s, guess, x_t, t).mean
    factor = s.beta[t] ** 2 / (s.alpha[t] * s.noise_var[t])
    return Sides((gap**2).sum(1), factor * ((eps - wrong) ** 2).sum(1))


@twin(
    "5.8",
    r"D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1} \mid \mathbf{x}_t, \mathbf{x}_0)\,\|\,p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\right) = \lambda_t \left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right\|^2 + C_t, \qquad \lambda_t = \frac{\beta_t^2}{2\sigma_t^2\,\alpha_t\,(1-\bar\alpha_t)}",
    symbols="KL q p_theta x_t x_0 t lambda eps eps_theta C beta sigma alpha alpha_bar",
    source=f"{HO}, eq. 12",
)
def weighted_error(g: torch.Generator) -> Sides:
    """E_q[log q - log p] by quadrature in three dimensions, and the weight times the error plus the constant (5.9)."""
    s, x_0, eps, wrong, t = _schedule(g), _randn(g, 3), _randn(g, 3), _randn(g, 3), 6
    x_t = forward.q_sample(s, x_0.unsqueeze(0), t, noise=eps.unsqueeze(0))
    z, w = normal_grid(3)
    n = len(z)
    q = forward.q_posterior(s, x_0.expand(n, 3), x_t.expand(n, 3), t)
    mean = (x_t - s.beta[t] / s.noise_var[t].sqrt() * wrong) / s.alpha[t].sqrt()
    x = q.sample(noise=z)
    log_p = -0.5 * (((x - mean) ** 2).sum(1) / s.beta[t] + 3 * torch.log(s.beta[t]) + 3 * LOG_2PI)  # sigma^2 = beta
    weight = s.beta[t] ** 2 / (2 * s.beta[t] * s.alpha[t] * s.noise_var[t])
    ratio = s.beta_tilde[t] / s.beta[t]
    closed = weight * ((eps - wrong) ** 2).sum() + 1.5 * (ratio - 1 - torch.log(ratio))
    return Sides((w @ (q.log_prob(x) - log_p)).reshape(1), closed.reshape(1))


@twin(
    "5.9",
    r"C_t = \frac{d}{2}\left(\frac{\tilde\beta_t}{\sigma_t^2} - 1 - \log\frac{\tilde\beta_t}{\sigma_t^2}\right)",
    symbols="C d beta_tilde sigma",
)
def constant_of_the_variances(g: torch.Generator) -> Sides:
    """The divergence of two Gaussians with one mean and these variances by integration, times d, and the formula."""
    s, t, d = _schedule(g), 5, 7
    q, p = s.beta_tilde[t], s.beta[t]

    def integrand(x: Tensor) -> Tensor:
        log_q, log_p = (-0.5 * (x**2 / v + torch.log(v) + LOG_2PI) for v in (q, p))
        return torch.exp(log_q) * (log_q - log_p)

    reach = 12 * float(q.sqrt())
    ratio = q / p
    return Sides(
        (d * integrate(integrand, -reach, reach)).reshape(1), (d / 2 * (ratio - 1 - torch.log(ratio))).reshape(1)
    )


@twin(
    "5.10",
    r"\sigma_t^2 = \tilde\beta_t \quad\Longrightarrow\quad \lambda_t = \tfrac12\left(\frac{\mathrm{SNR}(t-1)}{\mathrm{SNR}(t)} - 1\right)",
    symbols="sigma beta_tilde lambda snr t",
    source="Kingma et al. 2021, eq. 13-14",
)
def weight_by_snr(g: torch.Generator) -> Sides:
    """The library's weights for t = 2..T, and the ratio of neighbouring signal-to-noise ratios."""
    s = _schedule(g)
    return Sides(elbo.weights(s, "beta_tilde")[2:], 0.5 * (s.snr[1:-1] / s.snr[2:] - 1))


@twin(
    "5.11",
    r"L_{\mathrm{simple}} = \mathbb{E}_{t,\,\mathbf{x}_0,\,\boldsymbol\varepsilon}\left\|\boldsymbol\varepsilon - \boldsymbol\varepsilon_\theta\!\left(\sqrt{\bar\alpha_t}\,\mathbf{x}_0 + \sqrt{1-\bar\alpha_t}\,\boldsymbol\varepsilon,\ t\right)\right\|^2, \qquad t \sim \mathrm{Uniform}\{1, \dots, T\}",
    symbols="E t x_0 eps eps_theta alpha_bar T",
    source=f"{HO}, eq. 14",
)
def simple_loss(g: torch.Generator) -> Sides:
    """For the predictor c x_t on Gaussian data: the library's loss averaged on a grid of (x_0, eps) at every t, and the
    second moments by hand."""
    s, var, c = _schedule(g, 5), _variance(g), float(_randn(g, 1))
    z, w = normal_grid(2, 12)
    x_0, eps = (math.sqrt(var) * z[:, :1]), z[:, 1:]
    slow = sum(w @ losses.simple(lambda x, t: c * x, s, x_0, t, noise=eps) for t in range(1, s.T + 1)) / s.T
    ab = s.alpha_bar[1:]
    closed = ((1 - c * (1 - ab).sqrt()) ** 2 + c**2 * ab * var).mean()
    return Sides(torch.as_tensor(slow).reshape(1), closed.reshape(1))


@twin(
    "5.12",
    r"\mathbb{E}\left\|\boldsymbol\varepsilon - f(\mathbf{x}_t)\right\|^2 = \mathbb{E}\left\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right\|^2 + \mathbb{E}\left\|\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t] - f(\mathbf{x}_t)\right\|^2",
    symbols="E eps x_t",
)
def best_predictor(g: torch.Generator) -> Sides:
    """On three bumps, for a random f: both sides by integration over x_0 and eps."""
    s, t, data = _schedule(g), 4, bumps()
    x_0, eps, w = _data_and_noise(data)
    a, b = _level(s, t)
    x_t = a * x_0 + b * eps
    best = data.eps(x_t.unsqueeze(1), a, b)[:, 0]
    u, v = _randn(g, 2)
    f = torch.sin(u * x_t) + v
    return Sides(w @ (eps - f).square().reshape(-1, 1), w @ ((eps - best) ** 2 + (best - f) ** 2).reshape(-1, 1))


@twin(
    "5.13",
    r"\mathbb{E}\left\|\boldsymbol\varepsilon - \mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right\|^2 = \frac{\bar\alpha_t}{1-\bar\alpha_t}\ \mathbb{E}\,\operatorname{tr}\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t]",
    symbols="E eps x_t x_0 alpha_bar Cov tr",
)
def floor_of_the_loss(g: torch.Generator) -> Sides:
    """On three bumps: the squared error by integration over x_0 and eps; the posterior variance over the density of x_t."""
    s, t, data = _schedule(g), 4, bumps()
    x_0, eps, w = _data_and_noise(data)
    a, b = _level(s, t)
    best = data.eps((a * x_0 + b * eps).unsqueeze(1), a, b)[:, 0]

    def variance(x: Tensor) -> Tensor:
        p = data.posterior(x.unsqueeze(1), a, b)
        second = (p.weights * (p.covs[..., 0, 0] + p.means[..., 0] ** 2)).sum(1)
        return (second - p.mean[:, 0] ** 2) * torch.exp(data.log_prob(x.unsqueeze(1), a, b))

    closed = (a / b) ** 2 * integrate(variance, -12, 12)
    return Sides((w @ (eps - best) ** 2).reshape(1), closed.reshape(1))


def _finite(g: torch.Generator) -> Tensor:
    return _randn(g, 5, 3)


def _softmax_mean(x_t: Tensor, data: Tensor, a: Tensor) -> Tensor:
    square = ((x_t - a * data) ** 2).sum(1)
    return torch.softmax(-square / (2 * (1 - a**2)), 0) @ data


@twin(
    "5.14",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] = \sum_{i=1}^{N} w_i\,\mathbf{x}^{(i)}, \qquad w_i = \frac{\exp\!\left(-\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}^{(i)}\|^2 / 2(1-\bar\alpha_t)\right)}{\sum_j \exp\!\left(-\|\mathbf{x}_t - \sqrt{\bar\alpha_t}\,\mathbf{x}^{(j)}\|^2 / 2(1-\bar\alpha_t)\right)}",
    symbols="E x_0 x_t train w_i alpha_bar",
)
def softmax_of_the_data(g: torch.Generator) -> Sides:
    """From the slope of log q(x_t), a mixture with one bump per training point, by automatic differentiation (the
    denoiser is then (x_t + (1 - alpha_bar) slope)/sqrt(alpha_bar)); and the weighted mean."""
    s, t, data = _schedule(g), 6, _finite(g)
    x_t = _randn(g, 3).requires_grad_()
    a = s.alpha_bar[t].sqrt()
    log_q = torch.log(torch.stack([torch.exp(-((x_t - a * x) ** 2).sum() / (2 * (1 - a**2))) for x in data]).sum())
    (slope,) = torch.autograd.grad(log_q, x_t)
    return Sides((x_t.detach() + (1 - a**2) * slope) / a, _softmax_mean(x_t.detach(), data, a))


@twin(
    "5.15",
    r"\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] \;\longrightarrow\; \mathbb{E}[\mathbf{x}_0], \qquad \frac{\mathbb{E}[\mathbf{x}_0 \mid \mathbf{x}_t] - \mathbb{E}[\mathbf{x}_0]}{\sqrt{\bar\alpha_t}} \;\longrightarrow\; \operatorname{Cov}[\mathbf{x}_0]\,\mathbf{x}_t \qquad (\bar\alpha_t \to 0)",
    symbols="E x_0 x_t Cov alpha_bar",
)
def mean_image(g: torch.Generator) -> Sides:
    """(5.14) and its derivative in sqrt(alpha_bar) at 0, by automatic differentiation; mean and covariance of the data."""
    data, x_t = _finite(g), _randn(g, 3)
    zero = torch.zeros((), dtype=torch.float64)
    value = _softmax_mean(x_t, data, zero)
    slope = torch.autograd.functional.jacobian(lambda a: _softmax_mean(x_t, data, a), zero)
    centred = data - data.mean(0)
    return Sides(torch.stack([value, slope]), torch.stack([data.mean(0), centred.mT @ (centred @ x_t) / len(data)]))


@twin(
    "5.16",
    r"\theta \;\leftarrow\; \theta - \eta\,\nabla_\theta\,\frac{1}{B}\sum_{b=1}^{B}\left\|\boldsymbol\varepsilon^{(b)} - \boldsymbol\varepsilon_\theta\!\left(\sqrt{\bar\alpha_{t_b}}\,\mathbf{x}_0^{(b)} + \sqrt{1-\bar\alpha_{t_b}}\,\boldsymbol\varepsilon^{(b)},\ t_b\right)\right\|^2",
    symbols="theta eta B eps eps_theta alpha_bar x_0 t",
    source=f"{HO}, algorithm 1",
)
def training_step(g: torch.Generator) -> Sides:
    """One step for a predictor with a straight line per t: by automatic differentiation, and with the gradient by hand."""
    s, eta, B = _schedule(g, 4), 0.1, 16
    line = _randn(g, 5, 2).requires_grad_()
    x_0, eps, t = _randn(g, B, 1), _randn(g, B, 1), torch.randint(1, 5, (B,), generator=g)

    def predict(x: Tensor, t: Tensor) -> Tensor:
        return line[t, :1] * x + line[t, 1:]

    (gradient,) = torch.autograd.grad(losses.simple(predict, s, x_0, t, noise=eps).mean(), line)
    after = line.detach().clone()
    for b in range(B):
        x = s.alpha_bar[t[b]].sqrt() * x_0[b, 0] + s.noise_var[t[b]].sqrt() * eps[b, 0]
        error = eps[b, 0] - line.detach()[t[b]] @ torch.stack([x, torch.ones_like(x)])
        after[t[b]] += eta * 2 / B * error * torch.stack([x, torch.ones_like(x)])
    return Sides((line - eta * gradient).detach(), after)


@twin(
    "5.17",
    r"\arg\min_{a,\,b}\ \mathbb{E}\left(\varepsilon - a\,x_t - b\right)^2: \qquad a = \frac{\sqrt{1-\bar\alpha_t}}{\operatorname{Var}[x_t]}, \qquad b = -a\,\sqrt{\bar\alpha_t}\ \mathbb{E}[x_0]",
    symbols="eps x_t x_0 alpha_bar Var E",
)
def best_line(g: torch.Generator) -> Sides:
    """On shifted and stretched bumps: the normal equations with moments by integration, and the formulas."""
    s, t = _schedule(g), 6
    shift, size = _randn(g, 2).tolist()
    grid, eps, w = _data_and_noise(bumps())
    x_0 = shift + size * grid
    x_t = s.alpha_bar[t].sqrt() * x_0 + s.noise_var[t].sqrt() * eps
    columns = torch.stack([x_t, torch.ones_like(x_t)], 1)
    slow = torch.linalg.solve(columns.mT @ (w.unsqueeze(1) * columns), columns.mT @ (w * eps))
    a = s.noise_var[t].sqrt() / (s.alpha_bar[t] * size**2 + s.noise_var[t])
    return Sides(slow, torch.stack([a, -a * s.alpha_bar[t].sqrt() * shift]))


@twin(
    "5.18",
    r"\mathrm{emb}(t) = \left(\sin \omega_0 t, \dots, \sin \omega_{h-1} t,\ \cos \omega_0 t, \dots, \cos \omega_{h-1} t\right), \qquad \omega_i = P^{-i/(h-1)}",
    symbols="emb t omega P h",
    source="Vaswani et al. 2017, section 3.5; Ho et al. 2020, appendix B",
)
def embedding(g: torch.Generator) -> Sides:
    """emb(0) turned t times by the angles omega_i, one step of t after the other; and the formula."""
    h, P, t = 4, 50 + 1000 * float(torch.rand(1, generator=g)), int(torch.randint(5, 60, (1,), generator=g))
    omega = torch.tensor([P ** (-i / (h - 1)) for i in range(h)], dtype=torch.float64)
    sin, cos = torch.zeros(h, dtype=torch.float64), torch.ones(h, dtype=torch.float64)
    for _ in range(t):
        c, s = torch.cos(omega), torch.sin(omega)
        sin, cos = sin * c + cos * s, cos * c - sin * s
    return Sides(torch.cat([sin, cos]), torch.cat([torch.sin(omega * t), torch.cos(omega * t)]))


@twin(
    "5.19",
    r"\mathrm{emb}(s)^\top \mathrm{emb}(t) = \sum_{i=0}^{h-1} \cos\!\left(\omega_i\,(t-s)\right)",
    symbols="emb s t omega h",
)
def embeddings_compare_distances(g: torch.Generator) -> Sides:
    """Inner products of embeddings of random pairs of steps, and the sum that knows only their distance."""
    omega = 500.0 ** -torch.linspace(0, 1, 5, dtype=torch.float64)
    s, t = (torch.randint(0, 300, (6, 1), generator=g).double() for _ in range(2))
    one, two = (torch.cat([torch.sin(omega * u), torch.cos(omega * u)], 1) for u in (s, t))
    return Sides((one * two).sum(1), torch.cos(omega * (t - s)).sum(1))


@twin(
    "5.20",
    r"\mathbf{x}_{t-1} = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_t, t)\right) + \sigma_t\,\mathbf{z}, \qquad \mathbf{z} \sim \mathcal{N}(\mathbf{0}, \mathbf{I})",
    symbols="x_t alpha beta alpha_bar eps_theta t sigma z N I",
    source=f"{HO}, algorithm 2",
)
def sampling_step(g: torch.Generator) -> Sides:
    """log density of what the recipe makes, by change of variables from z; and p_theta, with its mean through the guess
    of x_0 and the posterior."""
    s, x_t, eps, z, t = _schedule(g), _randn(g, 6, 3), _randn(g, 6, 3), _randn(g, 6, 3), 7
    sigma = s.beta[t].sqrt()
    x = (x_t - s.beta[t] / s.noise_var[t].sqrt() * eps) / s.alpha[t].sqrt() + sigma * z
    moved = -0.5 * ((z**2).sum(1) + 3 * LOG_2PI) - 3 * torch.log(sigma)
    mean = forward.q_posterior(s, convert(eps, "eps", "x0", s, x_t, t), x_t, t).mean
    return Sides(moved, Gaussian(mean, s.beta[t].expand(6, 1)).log_prob(x))


@twin(
    "5.21",
    r"\boldsymbol\mu_\theta(\mathbf{x}_1, 1) = \frac{1}{\sqrt{\bar\alpha_1}}\left(\mathbf{x}_1 - \sqrt{1-\bar\alpha_1}\,\boldsymbol\varepsilon_\theta(\mathbf{x}_1, 1)\right) = \hat{\mathbf{x}}_0",
    symbols="mu_theta x_t eps_theta alpha_bar x_0_hat",
)
def last_step(g: torch.Generator) -> Sides:
    """The mean of the reverse step at t = 1, and the guess of x_0."""
    s, x, eps = _schedule(g), _randn(g, 5, 2), _randn(g, 5, 2)
    return Sides(elbo.p_reverse(s, eps, x, 1).mean, convert(eps, "eps", "x0", s, x, 1))


def _moments_by_bayes(s: Schedule, data: GaussianMixture, x_t: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """Mean and variance of q(x_{t-1} | x_t) on the line, by integrating q(x_t | x_{t-1}) q(x_{t-1}).  x_t: (n,)."""

    def integrand(x: Tensor) -> Tensor:
        prior = torch.exp(data.log_prob(x.unsqueeze(1), *_level(s, t - 1)))
        step = torch.exp(-((x_t - s.alpha[t].sqrt() * x.unsqueeze(1)) ** 2) / (2 * s.beta[t]))
        powers = torch.stack([torch.ones_like(x), x, x**2], 1)
        return (prior.unsqueeze(1) * step).unsqueeze(1) * powers.unsqueeze(2)

    mass, first, second = integrate(integrand, -9, 9, 4001)
    return first / mass, second / mass - (first / mass) ** 2


@twin(
    "5.22",
    r"\mathbb{E}[\mathbf{x}_{t-1} \mid \mathbf{x}_t] = \frac{1}{\sqrt{\alpha_t}}\left(\mathbf{x}_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\mathbb{E}[\boldsymbol\varepsilon \mid \mathbf{x}_t]\right)",
    symbols="E x_t alpha beta alpha_bar eps",
)
def exact_mean(g: torch.Generator) -> Sides:
    """On three bumps: the mean of q(x_{t-1} | x_t) by Bayes' rule and integration, and the formula."""
    s, t, data, x_t = _schedule(g), 4, bumps(), _randn(g, 6)
    best = data.eps(x_t.unsqueeze(1), *_level(s, t))[:, 0]
    closed = (x_t - s.beta[t] / s.noise_var[t].sqrt() * best) / s.alpha[t].sqrt()
    return Sides(_moments_by_bayes(s, data, x_t, t)[0], closed)


@twin(
    "5.24",
    r"\operatorname{Cov}[\mathbf{x}_{t-1} \mid \mathbf{x}_t] = \tilde\beta_t\,\mathbf{I} + \left(\frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\right)^{\!2} \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t]",
    symbols="Cov x_t x_0 beta_tilde I alpha_bar beta",
    source="Bao et al. 2022 (Analytic-DPM)",
)
def exact_covariance(g: torch.Generator) -> Sides:
    """On three bumps: the variance of q(x_{t-1} | x_t) by Bayes' rule and integration, and the formula."""
    s, t, data, x_t = _schedule(g), 4, bumps(), _randn(g, 6)
    p = data.posterior(x_t.unsqueeze(1), *_level(s, t))
    second = (p.weights * (p.covs[..., 0, 0] + p.means[..., 0] ** 2)).sum(1)
    factor = s.alpha_bar[t - 1].sqrt() * s.beta[t] / s.noise_var[t]
    closed = s.beta_tilde[t] + factor**2 * (second - p.mean[:, 0] ** 2)
    return Sides(_moments_by_bayes(s, data, x_t, t)[1], closed)


@twin(
    "5.25",
    r"\operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t] = \mathbf{0}: \ \ \sigma_t^2 = \tilde\beta_t, \qquad \operatorname{Cov}[\mathbf{x}_0 \mid \mathbf{x}_t] = (1-\bar\alpha_t)\,\mathbf{I}: \ \ \sigma_t^2 = \tilde\beta_t + \frac{\bar\alpha_{t-1}\beta_t^2}{1-\bar\alpha_t} = \beta_t",
    symbols="Cov x_0 x_t sigma beta_tilde beta alpha_bar I",
    source=f"{HO}, section 3.2",
)
def two_extreme_data(g: torch.Generator) -> Sides:
    """Variance of x_{t-1} given x_t for a point and for N(0, 1), by conditioning joint Gaussians; and the two betas."""
    s, slow = _schedule(g), []
    for var in (0.0, 1.0):
        for t in range(2, s.T + 1):
            before = s.alpha_bar[t - 1] * var + s.noise_var[t - 1]
            off, now = s.alpha[t].sqrt() * before, s.alpha[t] * before + s.beta[t]
            cov = torch.stack([torch.stack([before, off]), torch.stack([off, now])])
            zero = torch.zeros(2, dtype=torch.float64)
            slow.append(FullGaussian(zero, cov).condition([1], zero[:1]).cov[0, 0])
    end = s.beta_tilde + torch.cat([s.beta[:1], s.alpha_bar[:-1] * s.beta[1:] ** 2 / s.noise_var[1:]])
    return Sides(torch.stack(slow), torch.cat([s.beta_tilde[2:], end[2:]]))


@twin(
    "5.23",
    r"\frac{\operatorname{Var}[x_0^{\text{no noise}}]}{\operatorname{Var}[x_0]} = \prod_{t=1}^{T}\left(1 - \frac{\beta_t}{\operatorname{Var}[x_t]}\right)",
    symbols="Var x_0 x_t beta t T",
)
def without_noise(g: torch.Generator) -> Sides:
    """Gaussian data: two starting points sent down the chain of exact means; how far apart they end tells the factor."""
    s, var = _schedule(g), _variance(g)
    total = s.alpha_bar * var + s.noise_var
    x = torch.stack([total[-1].sqrt(), torch.zeros((), dtype=torch.float64)]).unsqueeze(1)
    for t in range(s.T, 0, -1):
        x = elbo.p_reverse(s, s.noise_var[t].sqrt() / total[t] * x, x, t).mean
    return Sides((x[0] - x[1]) ** 2 / var, torch.prod(1 - s.beta[1:] / total[1:]).reshape(1))


def _gaussian_gaps(s: Schedule, var: float, sigma2: Tensor) -> Tensor:
    """E KL(q(x_{t-1} | x_t) || p(x_{t-1} | x_t)) for t = 1..T, data N(0, var), best predictor.  Returns (T,)."""
    total = s.alpha_bar * var + s.noise_var
    ratio = s.beta[1:] * total[:-1] / (total[1:] * sigma2[1:])
    return 0.5 * (ratio - 1 - torch.log(ratio))


@twin(
    "5.26",
    r"\mathbb{E}\left[L_T + \sum_{t=2}^{T} L_{t-1} + L_0\right] - H[q(\mathbf{x}_0)] = D_{\mathrm{KL}}\!\left(q(\mathbf{x}_T)\,\|\,p(\mathbf{x}_T)\right) + \sum_{t=1}^{T} \mathbb{E}\,D_{\mathrm{KL}}\!\left(q(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\,\|\,p_\theta(\mathbf{x}_{t-1} \mid \mathbf{x}_t)\right)",
    symbols="E H q KL x_0 x_t p_theta T t",
)
def gap_of_the_bound(g: torch.Generator) -> Sides:
    """Gaussian data and best predictor: the library's bound averaged over a quadrature grid of (x_0, eps), minus the
    entropy; and the divergences of the true reverse steps."""
    s, var = _schedule(g, 6), _variance(g)
    total = s.alpha_bar * var + s.noise_var
    z, w = normal_grid(2, 12)
    x_0, noise = math.sqrt(var) * z[:, :1], z[:, 1:].expand(s.T, -1, 1)
    slope = s.noise_var.sqrt() / total
    bound = elbo.evaluate(lambda x, t: slope[t].unsqueeze(1) * x, s, x_0, noise=noise)
    entropy = 0.5 * (math.log(var) + LOG_2PI + 1)
    start = 0.5 * (total[-1] - 1 - torch.log(total[-1]))
    return Sides((w @ bound.total - entropy).reshape(1), (start + _gaussian_gaps(s, var, s.beta).sum()).reshape(1))


@twin(
    "5.27",
    r"\mathbb{E}\,D_{\mathrm{KL}}\!\left(q(x_{t-1} \mid x_t)\,\|\,p_\theta(x_{t-1} \mid x_t)\right) = \tfrac12\left(\rho_t - 1 - \log\rho_t\right), \qquad \rho_t = \frac{\beta_t \operatorname{Var}[x_{t-1}]}{\sigma_t^2 \operatorname{Var}[x_t]}",
    symbols="E KL q p_theta x_t rho beta Var sigma",
)
def gap_of_a_step(g: torch.Generator) -> Sides:
    """Gaussian data: the true reverse step by conditioning, its divergence from the model's step; and the formula."""
    s, var = _schedule(g), _variance(g)
    total, slow = s.alpha_bar * var + s.noise_var, []
    for t in range(1, s.T + 1):
        off = s.alpha[t].sqrt() * total[t - 1]
        cov = torch.stack([torch.stack([total[t - 1], off]), torch.stack([off, total[t]])])
        x_t = _randn(g, 1)
        true = FullGaussian(torch.zeros(2, dtype=torch.float64), cov).condition([1], x_t)
        best = s.noise_var[t].sqrt() / total[t] * x_t.unsqueeze(1)
        model = elbo.p_reverse(s, best, x_t.unsqueeze(1), t, "beta")
        slow.append(kl(Gaussian(true.mean.unsqueeze(0), true.cov), model))
    return Sides(torch.cat(slow), _gaussian_gaps(s, var, s.beta))


@twin(
    "5.28",
    r"\log q(\mathbf{x}_{t-1} \mid \mathbf{x}_t) = -\frac{\left\|\mathbf{x}_t - \sqrt{\alpha_t}\,\mathbf{x}_{t-1}\right\|^2}{2\beta_t} + \log q(\mathbf{x}_{t-1}) + \mathrm{const}",
    symbols="q x_t alpha beta",
)
def bayes_for_a_step(g: torch.Generator) -> Sides:
    """Three bumps: the exact reverse kernel of the library, relative to its value at the first point, and the two terms."""
    s, t, data = _schedule(g), 4, bumps()
    x_t, x = _randn(g, 1), _randn(g, 7)
    kernel = data.reverse(x_t.expand(7).unsqueeze(1), _level(s, t - 1), _level(s, t)).log_prob(x.unsqueeze(1))
    terms = -((x_t - s.alpha[t].sqrt() * x) ** 2) / (2 * s.beta[t])
    terms = terms + data.log_prob(x.unsqueeze(1), *_level(s, t - 1))
    return Sides(kernel[1:] - kernel[0], terms[1:] - terms[0])
