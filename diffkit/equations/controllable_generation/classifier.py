r"""Bayes' rule for scores, and the classifier that knows the noise.  Equations (11.1) to (11.5)."""

import torch
from torch import Tensor

from diffkit.equations.controllable_generation.common import (
    MEMBERS,
    REACH,
    SONG,
    autograd,
    labelled,
    level,
    line,
    log_class,
    normal,
)
from diffkit.equations.draws import randn
from diffkit.equations.grids import plane_nodes
from diffkit.equations.quadrature import integrate
from diffkit.equations.registry import Sides, twin


@twin(
    "11.1",
    r"p(\mathbf{x}_0 \mid y) = \frac{p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)}{p(y)}, \qquad p(y) = \int p(\mathbf{x}_0)\,p(y \mid \mathbf{x}_0)\,d\mathbf{x}_0",
    symbols="cg_p cg_y cg_py cg_prior x_0",
)
def bayes(g: torch.Generator) -> Sides:
    """Left: the class's own components, written out.  Right: all components, the classifier, and a quadrature."""
    m, x = labelled(g), 1.5 * randn(g, 8, 1)
    parts = normal(x, m.y.means[:, 0], m.y.covs[:, 0, 0])

    def joint(v: Tensor) -> Tensor:
        return m.data.log_prob(v).exp() * log_class(m.data, v).exp()

    return Sides(parts @ m.y.weights, joint(x) / integrate(lambda v: joint(v.unsqueeze(1)), -REACH, REACH))


@twin(
    "11.2",
    r"\nabla \log p(\mathbf{x}_0 \mid y) = \nabla \log p(\mathbf{x}_0) + \nabla \log p(y \mid \mathbf{x}_0)",
    symbols="grad cg_p cg_py x_0",
    source=f"{SONG}, eq. 14, at time t",
)
def bayes_for_scores(g: torch.Generator) -> Sides:
    """Left: the score formula of the class's components.  Right: automatic differentiation of the two logarithms."""
    m, x = labelled(g, 2), randn(g, 6, 2)
    return Sides(m.y.score(x), autograd(m.data.log_prob, x) + autograd(lambda v: log_class(m.data, v), x))


@twin(
    "11.3",
    r"q(y \mid \mathbf{x}_t) = \mathbb{E}\big[p(y \mid \mathbf{x}_0) \,\big|\, \mathbf{x}_t\big]",
    symbols="cg_qy E cg_py x_0 x_t",
)
def noise_aware(g: torch.Generator) -> Sides:
    """Left: Bayes' rule among noisy components.  Right: the clean classifier averaged over what x_0 may have been."""
    m, x, (a, sd) = labelled(g), 1.5 * randn(g, 8, 1), level(g)
    x_0, w = line()
    posterior = w * m.data.log_prob(x_0).exp() * normal(x, a * x_0.T, sd**2)
    posterior = posterior / posterior.sum(1, keepdim=True)
    return Sides(log_class(m.data, x, a, sd).exp(), posterior @ log_class(m.data, x_0).exp())


@twin(
    "11.3e",
    r"q(y \mid \mathbf{x}_t) = p(y \mid \mathbf{x}_0)\,\big|_{\mathbf{x}_0 = \mathbf{x}_t}",
    symbols="cg_qy cg_py x_0 x_t",
    source="what it means to guide with a classifier that was trained on clean data",
    erratum="A classifier of clean data takes the noise for a feature: it must be averaged over what x_0 may have been.",
)
def clean_classifier(g: torch.Generator) -> Sides:
    """The noise-aware classifier, and the clean one asked about the noisy point."""
    m, x, (a, sd) = labelled(g), 1.5 * randn(g, 8, 1), level(g)
    return Sides(log_class(m.data, x, a, sd).exp(), log_class(m.data, x).exp())


@twin(
    "11.4",
    r"q(y \mid \mathbf{x}_t) = \frac{\sum_{k \in y} w_k\,\mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right)}{\sum_{k} w_k\,\mathcal{N}\!\left(\mathbf{x}_t;\ \sqrt{\bar\alpha_t}\,\boldsymbol\mu_k,\ \bar\alpha_t S_k + (1-\bar\alpha_t)\mathbf{I}\right)}",
    symbols="cg_qy mix N I alpha_bar x_t",
)
def bayes_classifier(g: torch.Generator) -> Sides:
    """Left: clean densities noised by quadrature over the plane.  Right: the formula."""
    m, x, (a, sd) = labelled(g, 2), randn(g, 4, 2), level(g)
    nodes, w = plane_nodes(9.0, 241)
    jump = normal(x.unsqueeze(1), a * nodes, sd**2).prod(2) * w
    noisy_class, noisy = jump @ (m.share * m.y.log_prob(nodes).exp()), jump @ m.data.log_prob(nodes).exp()
    var = a**2 * m.data.covs[:, 0, 0] + sd**2
    parts = m.data.weights * normal(x.unsqueeze(1), a * m.data.means, var.unsqueeze(1)).prod(2)
    return Sides(noisy_class / noisy, parts[:, MEMBERS].sum(1) / parts.sum(1))


@twin(
    "11.5",
    r"\nabla \log q(y \mid \mathbf{x}_t) = \sum_{k \in y} r_{k \mid y}\,\mathbf{s}_k - \sum_{k} r_k\,\mathbf{s}_k",
    symbols="grad cg_qy cg_r cg_ry cg_s_k x_t",
)
def classifier_score(g: torch.Generator) -> Sides:
    """Left: automatic differentiation of log q(y | x_t).  Right: two averages of the components' scores."""
    m, x, (a, sd) = labelled(g, 2), randn(g, 6, 2), level(g)
    var = (a**2 * m.data.covs[:, 0, 0] + sd**2).unsqueeze(1)
    away = x.unsqueeze(1) - a * m.data.means
    parts = m.data.weights * normal(away, 0.0, var).prod(2)
    mine = parts[:, MEMBERS] / parts[:, MEMBERS].sum(1, keepdim=True)
    r, s_k = parts / parts.sum(1, keepdim=True), -away / var
    averages = torch.einsum("bk,bkd->bd", mine, s_k[:, MEMBERS]) - torch.einsum("bk,bkd->bd", r, s_k)
    return Sides(autograd(lambda v: log_class(m.data, v, a, sd), x), averages)
