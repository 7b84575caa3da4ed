"""What each step costs: the terms of the bound on a mixture on the line, bar by bar.

The noise predictor is a share of the best one, E[eps | x_t], so that the slider goes from "knows nothing" to "cannot be
better".  For it every expected error is known exactly, data and noise averaged:
E|eps - share eps*|^2 = 1 - (2 share - share^2) E|eps*|^2.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from traitlets import Bytes, Enum, Float, Int, Unicode, observe, validate

from diffkit import data, plots
from diffkit.elbo import variance_table, weights
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, on_the_line, packed, script
from diffkit.figure import Figure
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule, linear

STEPS = (10, 20, 50, 100, 200)
GRID = 1001  # points for the integrals over x_t


class Terms(NamedTuple):
    """The bound on -log p(x_0), averaged over the data, in nats.  Entry t of a table belongs to step t."""

    means: Tensor  # (T+1,): lambda_t times the squared error; 0 for t < 2
    variances: Tensor  # (T+1,): C_t; 0 for t < 2
    weight: Tensor  # (T+1,): lambda_t
    error: Tensor  # (T+1,): expected squared error of the noise
    L_T: float
    L_0: float
    entropy: float  # of the data: no model has a smaller expected -log p(x_0)

    @property
    def total(self) -> float:
        """The whole bound."""
        return self.L_T + float((self.means + self.variances).sum()) + self.L_0


class ElboTerms(Explorer):
    """Bars over t.  T, sigma and share are settings, t picks a bar; Python may set all of them."""

    _esm = script("elbo_terms.js")

    T = Enum(STEPS, 50).tag(sync=True)
    sigma = Enum(("beta", "beta_tilde"), "beta").tag(sync=True)
    share = Float(1.0).tag(sync=True)
    t = Int(2).tag(sync=True)
    tables = Bytes().tag(sync=True)  # (4, T+1) float64: means, variances, weight, error
    sums = Bytes().tag(sync=True)  # (5,) float64: L_T, sum of the middle terms, L_0, total, entropy
    caption = Unicode().tag(sync=True)

    def __init__(self, mixture: GaussianMixture) -> None:
        self.mixture = mixture
        self.explained = {
            T: explained_share(schedule_of(T), mixture) for T in STEPS
        }  # once, so that a move is answered fast
        super().__init__()
        self._recompute()

    @validate("share")
    def _check_share(self, proposal: dict[str, float]) -> float:
        if not 0 <= proposal["value"] <= 1:
            raise RangeError(f"share = {proposal['value']}: choose 0 (predicts no noise) to 1 (the best prediction)")
        return proposal["value"]

    @observe("T", "sigma", "share")
    def _recompute(self, _change: object = None) -> None:
        with self.hold_sync():  # one message, so that the browser never draws half an answer
            self.terms = exact_terms(schedule_of(self.T), self.mixture, self.sigma, self.share, self.explained[self.T])
            found = self.terms
            self.t = min(self.t, self.T)
            self.caption = f"T = {self.T}, variance {self.sigma}, {self.share:.0%} of the best prediction"
            middle = float((found.means + found.variances).sum())
            sums = [found.L_T, middle, found.L_0, found.total, found.entropy]
            self.sums = packed(torch.tensor(sums, dtype=torch.float64), "<f8")
            self.tables = packed(torch.stack([found.means, found.variances, found.weight, found.error]), "<f8")

    @validate("t")
    def _check_t(self, proposal: dict[str, int]) -> int:
        if proposal["value"] < 2:
            raise RangeError(f"t = {proposal['value']}: the middle terms belong to t = 2..T")
        return min(proposal["value"], self.T)

    def picture(self) -> Figure:
        """The bars of the present settings."""
        found, t = self.terms, torch.arange(2, self.T + 1)
        alt = (
            f"Terms of the bound for {self.caption}: one bar per step t from 2 to {self.T}. L_T = {found.L_T:.3g}, "
            f"L_0 = {found.L_0:.3g}, whole bound {found.total:.3f} nats, entropy of the data {found.entropy:.3f} nats."
        )
        parts = {"means apart": found.means[2:], "variances differ": found.variances[2:]}
        return plots.bars(t, parts, alt, y_label="$L_{t-1}$ in nats")


def elbo_terms(mixture: GaussianMixture | None = None) -> ElboTerms:
    """An explorer of L_{t-1} for every t.  mixture: on the line, the default is `data.bumps()`."""
    return ElboTerms(on_the_line(mixture, data.bumps))


def schedule_of(T: int) -> Schedule:
    """The linear schedule of T = 1000 squeezed into T steps: nearly the same noise in all."""
    return linear(T, 0.1 / T, min(20 / T, 0.999))


def exact_terms(s: Schedule, mixture: GaussianMixture, sigma: str, share: float, explained: Tensor) -> Terms:
    """Every term for a predictor that is a share of the best one.  explained: E|E[eps | x_t]|^2, (T+1,)."""
    error = 1 - (2 * share - share**2) * explained
    error[0] = 0.0
    table = variance_table(s, "beta" if sigma == "beta" else "beta_tilde")
    weight = weights(s, table)
    ratio = s.beta_tilde[2:] / table[2:]
    constant = torch.zeros_like(error)
    constant[2:] = (ratio - 1 - torch.log(ratio)) / 2
    means = weight * error
    L_0 = float(means[1] + 0.5 * torch.log(2 * torch.pi * table[1]))
    means[:2] = 0.0
    second = float(mixture.weights @ (mixture.covs[:, 0, 0] + mixture.means[:, 0] ** 2))
    ab = s.alpha_bar[-1]
    L_T = float(0.5 * (ab * (second - 1) - torch.log(s.noise_var[-1])))
    return Terms(means, constant, weight, error, L_T, L_0, _entropy(mixture))


def explained_share(s: Schedule, mixture: GaussianMixture) -> Tensor:
    """E|E[eps | x_t]|^2 for every t, (T+1,): 0 at t = 0, where there is no noise."""
    x, T = _grid(mixture), s.T
    points = x.repeat(T).unsqueeze(1)
    levels = [table[1:].sqrt().repeat_interleave(len(x)) for table in (s.alpha_bar, s.noise_var)]
    density = torch.exp(mixture.log_prob(points, *levels))
    square = (mixture.eps(points, *levels) ** 2).sum(1)
    found = torch.trapezoid((density * square).reshape(T, len(x)), x, dim=1)
    return torch.cat([found.new_zeros(1), found])


def _entropy(mixture: GaussianMixture) -> float:
    x = _grid(mixture)
    log_p = mixture.log_prob(x.unsqueeze(1))
    return -float(torch.trapezoid(torch.exp(log_p) * log_p, x))


def _grid(mixture: GaussianMixture) -> Tensor:
    reach = float((mixture.means[:, 0].abs() + 9 * mixture.covs[:, 0, 0].sqrt()).max().clamp(min=9.0))
    return torch.linspace(-reach, reach, GRID, dtype=torch.float64)
