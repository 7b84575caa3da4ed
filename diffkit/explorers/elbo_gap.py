"""How much the bound loses against the number of steps, and why: the way back is Gaussian only for small steps.

The same noise is cut into T steps.  For data that are a mixture on the line the average gap is known exactly
(`diffkit.elbo.gap`), for a model with the right means and one of three variances.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from traitlets import Bytes, Enum, Float, Int, List, validate

from diffkit import data, plots
from diffkit.elbo import Levels, Variance, gap, levels, variance_table
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, on_the_line, packed, script
from diffkit.figure import Figure
from diffkit.gaussian import LOG_2PI
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule, from_alpha_bar

STEPS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
VARIANCES: tuple[Variance, ...] = ("beta", "beta_tilde", "best")
NAMES = {"beta": r"$\sigma_t^2 = \beta_t$", "beta_tilde": r"$\sigma_t^2 = \tilde\beta_t$", "best": r"best $\sigma_t^2$"}
GRID_SIZE = 181
REACH = 4.5  # standard deviations that the panel of the way back shows
MOST_STEPS = 2000


class WayBack(NamedTuple):
    """The step that loses most: densities of x_{t-1} given x_t, in standard deviations from their mean."""

    t: int
    true: Tensor  # (G,)
    model: Tensor  # (3, G): the Gaussian step with each of the variances


class ElboGap(Explorer):
    """A slider over the number of steps, and a choice of the model's variance.  Python may set both."""

    _esm = script("elbo_gap.js")

    chosen = Int().tag(sync=True)  # which entry of steps
    variance = Enum(VARIANCES, "beta").tag(sync=True)
    steps = List(Int()).tag(sync=True)
    worst = List(Int()).tag(sync=True)  # the t whose way back is shown, for each T
    entropy = Float().tag(sync=True)  # of the data, nats: what no model can beat
    gaps = Bytes().tag(sync=True)  # (3, n) float64, nats
    priors = Bytes().tag(sync=True)  # (n,) float64, nats
    reach = Float(REACH).tag(sync=True)
    grid_size = Int(GRID_SIZE).tag(sync=True)
    true = Bytes().tag(sync=True)  # (n, G) float64
    model = Bytes().tag(sync=True)  # (3, n, G) float64

    def __init__(self, steps: Sequence[int], mixture: GaussianMixture) -> None:
        schedules = [in_steps(T) for T in steps]
        facts = [levels(mixture, s) for s in schedules]
        pairs = list(zip(schedules, facts, strict=True))
        self.gap_table = torch.stack([torch.stack([gap(s, f, name).total for s, f in pairs]) for name in VARIANCES])
        self.back = [way_back(mixture, s, f) for s, f in pairs]
        super().__init__(
            chosen=len(steps) // 2,
            steps=list(steps),
            worst=[b.t for b in self.back],
            entropy=float(facts[0].entropy[0]),
            gaps=packed(self.gap_table, "<f8"),
            priors=packed(torch.stack([gap(s, f).prior for s, f in pairs]), "<f8"),
            true=packed(torch.stack([b.true for b in self.back]), "<f8"),
            model=packed(torch.stack([b.model for b in self.back], 1), "<f8"),
        )

    @validate("chosen")
    def _check_chosen(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] < len(self.steps):
            raise RangeError(f"chosen = {proposal['value']}: it counts the entries of steps, from 0")
        return proposal["value"]

    def picture(self) -> Figure:
        """The gap against T, and the way back at the chosen T."""
        k, row = self.chosen, VARIANCES.index(self.variance)
        T, back, lost = self.steps[k], self.back[k], float(self.gap_table[row, k])
        log_T = torch.tensor(self.steps).log10()
        curves = {NAMES[name]: (log_T, self.gap_table[i].log10()) for i, name in enumerate(VARIANCES)}
        u = torch.linspace(-REACH, REACH, GRID_SIZE)
        shapes = {"truth": (u, back.true), "model": (u, back.model[row])}
        alt = (
            f"The gap of the bound against the number of steps, for three variances of the model, and the true way "
            f"back at t = {back.t} of T = {T} beside the model's Gaussian. Gap there: {lost:.3g} nats."
        )
        panels = {r"$\log_{10}$ of the gap in nats": curves, f"the way back, t = {back.t} of T = {T}": shapes}
        labels = [r"$\log_{10} T$", "standard deviations from the mean"]
        return plots.curve_panels(panels, alt, x_label=labels)


def elbo_gap(steps: Sequence[int] = STEPS, mixture: GaussianMixture | None = None) -> ElboGap:
    """An explorer of the average gap between the bound and the likelihood, against the number of steps.

    steps: the values of T that the slider offers, up to 2000; mixture: on the line, the default is `data.bumps()`.
    """
    if not steps or min(steps) < 1 or max(steps) > MOST_STEPS:
        raise RangeError(f"steps = {tuple(steps)}: pass at least one number of steps, each in 1..{MOST_STEPS}")
    return ElboGap(steps, on_the_line(mixture, data.bumps))


def in_steps(T: int) -> Schedule:
    """The noise of DDPM's linear schedule, cut into T steps: alpha_bar is one curve, whatever T is."""
    u = torch.linspace(0, 1, T + 1, dtype=torch.float64)
    return from_alpha_bar(torch.exp(-0.1 * u - 9.95 * u**2), beta_max=1 - 1e-9)


def way_back(mixture: GaussianMixture, s: Schedule, facts: Levels) -> WayBack:
    """The step with the largest term, at the x_t that adds most to it: density times divergence from a Gaussian."""
    t = 1 + int(gap(s, facts, "best").steps.argmax())
    level = [(float(s.alpha_bar[u].sqrt()), float(s.noise_var[u].sqrt())) for u in (t - 1, t)]
    x_t = torch.linspace(-4, 4, 161, dtype=torch.float64).unsqueeze(1)
    q = mixture.reverse(x_t, level[0], level[1])
    means, var = q.means[..., 0], q.covs[..., 0, 0]  # (161, K)
    std = ((q.weights * (var + means**2)).sum(1) - q.mean[:, 0] ** 2).sqrt()
    u = torch.linspace(-REACH, REACH, GRID_SIZE, dtype=torch.float64)
    centre, width = (means - q.mean) / std.unsqueeze(1), var / std.unsqueeze(1) ** 2  # in standard deviations
    square = (u.reshape(1, -1, 1) - centre.unsqueeze(1)) ** 2 / width.unsqueeze(1)
    parts = torch.log(q.weights).unsqueeze(1) - 0.5 * (square + torch.log(width).unsqueeze(1) + LOG_2PI)
    log_q = torch.logsumexp(parts, 2)
    divergence = torch.trapezoid(torch.exp(log_q) * (log_q + 0.5 * (u**2 + LOG_2PI)), u, dim=1)
    i = int((divergence * torch.exp(mixture.noised(*level[1]).log_prob(x_t))).argmax())
    tables = [variance_table(s, "beta"), variance_table(s, "beta_tilde"), facts.reverse_var]
    ratio = torch.stack([table[t] for table in tables]).unsqueeze(1) / std[i] ** 2
    return WayBack(t, torch.exp(log_q[i]), torch.exp(-0.5 * (u**2 / ratio + torch.log(ratio) + LOG_2PI)))
