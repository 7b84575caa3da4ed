r"""Guidance without a classifier.  Equations (11.10) to (11.12)."""

import torch
from torch import Tensor

from diffkit import guidance
from diffkit.equations.controllable_generation.common import Labelled, labelled, level, log_class, schedule_and_t, times
from diffkit.equations.draws import number, randn
from diffkit.equations.grids import differences
from diffkit.equations.registry import Sides, twin

HO = "Ho & Salimans 2022"


@twin(
    "11.10",
    r"\nabla \log q(y \mid \mathbf{x}_t) = -\frac{\boldsymbol\varepsilon_y(\mathbf{x}_t) - \boldsymbol\varepsilon_\varnothing(\mathbf{x}_t)}{\sqrt{1-\bar\alpha_t}}",
    symbols="grad cg_qy cg_eps_y alpha_bar x_t",
    source=f"{HO}, section 3.2",
)
def implied_classifier(g: torch.Generator) -> Sides:
    """Left: finite differences of the exact classifier's logarithm.  Right: two exact noise predictions."""
    m, x, (a, sd) = labelled(g, 2), randn(g, 6, 2), level(g)
    right = -(m.y.eps(x, a, sd) - m.data.eps(x, a, sd)) / sd
    return Sides(differences(lambda v: log_class(m.data, v, a, sd), x), right)


def _conditional(m: Labelled, a: float, sd: float) -> guidance.Conditional:
    """A network f(x, t, y) that knows class 0, which is y, and the null class 1."""

    def net(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        return torch.where((y == 0).unsqueeze(1), m.y.eps(x, a, sd), m.data.eps(x, a, sd))

    return net


@twin(
    "11.11",
    r"\boldsymbol\varepsilon_\varnothing + s\,(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing) = \boldsymbol\varepsilon_\varnothing - s\,\sqrt{1-\bar\alpha_t}\,\nabla \log q(y \mid \mathbf{x}_t)",
    symbols="cg_eps_y cg_s alpha_bar grad cg_qy x_t",
)
def classifier_free(g: torch.Generator) -> Sides:
    """Left: the library's classifier-free predictor.  Right: its classifier-guided one, with the exact classifier."""
    m, x, scale = labelled(g, 2), randn(g, 6, 2), number(g, 1.5, 4)
    s, t, (a, sd) = schedule_and_t(g)
    y, null = torch.zeros(6, dtype=torch.long), torch.ones(6, dtype=torch.long)
    free = guidance.classifier_free(_conditional(m, a, sd), y, null, scale=scale)
    with_classifier = guidance.classifier_guided(
        lambda v, _: m.data.eps(v, a, sd), lambda v, _: log_class(m.data, v, a, sd), s, scale
    )
    return Sides(free(x, times(t, x)), with_classifier(x, times(t, x)))


@twin(
    "11.12",
    r"(1+w)\,\boldsymbol\varepsilon_y - w\,\boldsymbol\varepsilon_\varnothing = \boldsymbol\varepsilon_\varnothing + s\,(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing), \qquad s = 1 + w",
    symbols="cg_w cg_s cg_eps_y",
    source=f"{HO}, eq. 6, writes the left side",
)
def two_conventions(g: torch.Generator) -> Sides:
    """Left: both predictions asked one by one and combined.  Right: the library's predictor, told s = 1 + w."""
    m, x, w = labelled(g, 2), randn(g, 6, 2), number(g, 0.5, 4)
    _, t, (a, sd) = schedule_and_t(g)
    y, null = torch.zeros(6, dtype=torch.long), torch.ones(6, dtype=torch.long)
    free = guidance.classifier_free(_conditional(m, a, sd), y, null, scale=1 + w)
    left = (1 + w) * m.y.eps(x, a, sd) - w * m.data.eps(x, a, sd)
    return Sides(left, free(x, times(t, x)))


@twin(
    "11.12e",
    r"(1+w)\,\boldsymbol\varepsilon_y - w\,\boldsymbol\varepsilon_\varnothing = \boldsymbol\varepsilon_\varnothing + w\,(\boldsymbol\varepsilon_y - \boldsymbol\varepsilon_\varnothing)",
    symbols="cg_w cg_eps_y",
    source="what happens when a number is taken from one paper and put into another program",
    erratum="The same number means two strengths. The sides differ by eps_y - eps_null, whatever w is.",
)
def mixed_conventions(g: torch.Generator) -> Sides:
    """The two conventions with one number in both."""
    m, x, w, (a, sd) = labelled(g, 2), randn(g, 6, 2), number(g, 0.5, 4), level(g)
    y, null = m.y.eps(x, a, sd), m.data.eps(x, a, sd)
    return Sides((1 + w) * y - w * null, null + w * (y - null))
