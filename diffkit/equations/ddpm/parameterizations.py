r"""Four names for one guess.  Equations (5.1) to (5.6)."""

import torch
from torch import Tensor

from diffkit import elbo, forward
from diffkit.equations.ddpm.common import HO, random_schedule
from diffkit.equations.draws import randn
from diffkit.equations.registry import Sides, twin
from diffkit.gaussian import FullGaussian
from diffkit.parameterize import convert
from diffkit.schedule import Schedule


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
    s, x_0, t = random_schedule(g), randn(g, 4, 3), 9
    x, eps = x_0, torch.zeros_like(x_0)
    for u in range(1, t + 1):
        z = randn(g, 4, 3)
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
    s = random_schedule(g)
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
    s, x_0, eps, t = random_schedule(g), randn(g, 8), randn(g, 8), 7
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
    s, x_0, eps, t = random_schedule(g), randn(g, 8), randn(g, 8), 7
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
    s, x_t, eps, t = random_schedule(g), randn(g, 5, 3), randn(g, 5, 3), 6
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
    s, x_t, eps = random_schedule(g), randn(g, 5, 3), 3 * randn(g, 5, 3)
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
    s, x_0, eps, t = random_schedule(g), randn(g, 4, 3), randn(g, 4, 3), 8
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
    s, x_t, v, t = random_schedule(g), randn(g, 5), randn(g, 5), 5
    a, b = s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt()
    system = torch.stack([torch.stack([a, b]), torch.stack([-b, a])])  # (x_t, v) from (x_0, eps)
    return Sides(torch.linalg.solve(system, torch.stack([x_t, v])), torch.stack([a * x_t - b * v, b * x_t + a * v]))
