r"""Algorithm 1, and how the network is told the time.  Equations (5.16) to (5.19)."""

import torch
from torch import Tensor

from diffkit import losses
from diffkit.data import bumps
from diffkit.equations.ddpm.common import HO, data_and_noise, random_schedule
from diffkit.equations.draws import randn
from diffkit.equations.registry import Sides, twin


@twin(
    "5.16",
    r"\theta \;\leftarrow\; \theta - \eta\,\nabla_\theta\,\frac{1}{B}\sum_{b=1}^{B}\left\|\boldsymbol\varepsilon^{(b)} - \boldsymbol\varepsilon_\theta\!\left(\sqrt{\bar\alpha_{t_b}}\,\mathbf{x}_0^{(b)} + \sqrt{1-\bar\alpha_{t_b}}\,\boldsymbol\varepsilon^{(b)},\ t_b\right)\right\|^2",
    symbols="theta eta B eps eps_theta alpha_bar x_0 t",
    source=f"{HO}, algorithm 1",
)
def training_step(g: torch.Generator) -> Sides:
    """One step for a predictor with a straight line per t: by automatic differentiation, and with the gradient by hand."""
    s, eta, B = random_schedule(g, 4), 0.1, 16
    line = randn(g, 5, 2).requires_grad_()
    x_0, eps, t = randn(g, B, 1), randn(g, B, 1), torch.randint(1, 5, (B,), generator=g)

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
    s, t = random_schedule(g), 6
    shift, size = randn(g, 2).tolist()
    grid, eps, w = data_and_noise(bumps())
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
