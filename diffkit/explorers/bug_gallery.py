"""Samplers with one mistake each beside the right one: what a plot of samples shows, and what one step shows.

All run here, once, with the exact predictor of a mixture; the browser only shows the one that is chosen.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List, Unicode, validate

from diffkit import bugs, data, metrics, plots
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, in_the_plane, packed, script
from diffkit.figure import Figure
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule, linear

POINTS = 500
COPIES = 4000  # draws of one step: its standard deviation is then known to 2 %
REACH = 2.2  # half the width of the frame
DISTANCE, SPREAD = "samples: distance to the data", "samples: deviation within a mode"


class Row(NamedTuple):
    """One line of the table: what is measured, what it should be, what it is, and whether that differs."""

    what: str
    wanted: str
    found: str
    differs: bool


class BugGallery(Explorer):
    """One choice, 0..K-1; 0 is the right sampler.  Python may set `choice` too."""

    _esm = script("bug_gallery.js")

    choice = Int().tag(sync=True)
    names = List(Unicode()).tag(sync=True)
    codes = List(Unicode()).tag(sync=True)
    tables: List[list[list[str]]] = List().tag(sync=True)  # (K, rows, 4): Row as text, differs as "yes" or "no"
    count = Int(POINTS).tag(sync=True)
    reach = Float(REACH).tag(sync=True)
    truth = Bytes().tag(sync=True)  # (n, 2) float32
    drawn = Bytes().tag(sync=True)  # (K, n, 2) float32; what is out of the frame, or nan, is not drawn

    def __init__(self, schedule: Schedule, mixture: GaussianMixture, seed: int) -> None:
        g = torch.Generator().manual_seed(seed)
        self.schedule, self.mixture, self.samplers = schedule, mixture, bugs.SAMPLERS
        self.data = mixture.sample(POINTS, generator=g)
        self._fast = mixture.to(dtype=torch.float32)  # enough for a plot, and half the time
        self.samples = bugs.run(self.samplers, self.eps, schedule, torch.zeros_like(self.data).float(), seed)
        self.floor = self._floor(g)
        self.rows = [[*self._sample_rows(k), *self._step_rows(k)] for k in range(len(self.samplers))]
        super().__init__(
            names=[a.name for a in self.samplers],
            codes=[a.code for a in self.samplers],
            tables=[[[*row[:3], "yes" if row.differs else "no"] for row in rows] for rows in self.rows],
            truth=packed(self.data, "<f4"),
            drawn=packed(self.samples.nan_to_num(1e30, 1e30, -1e30), "<f4"),
        )

    @validate("choice")
    def _check_choice(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] < len(self.samplers):
            raise RangeError(f"choice = {proposal['value']}: the samplers are 0..{len(self.samplers) - 1}")
        return proposal["value"]

    def eps(self, x: Tensor, t: Tensor) -> Tensor:
        """The exact prediction, E[eps | x_t]."""
        mixture = self.mixture if x.dtype == torch.float64 else self._fast
        return mixture.eps(x, self.schedule.alpha_bar[t].sqrt(), self.schedule.noise_var[t].sqrt())

    def _distance(self, a: Tensor, b: Tensor) -> float:
        return float(metrics.sliced_wasserstein(a, b, directions=self._directions))

    def _floor(self, g: torch.Generator) -> float:
        """The largest distance to the data of twenty right samples: other draws from the mixture."""
        self._directions = torch.randn(64, self.data.shape[1], generator=g, dtype=self.data.dtype)
        return max(self._distance(self.mixture.sample(POINTS, generator=g), self.data) for _ in range(20))

    def _sample_rows(self, k: int) -> list[Row]:
        x, true = self.samples[k], _spread(self.data, self.mixture)
        if not bool((x.abs() < 1e6).all()):
            gone = "it diverges"
            return [Row(DISTANCE, f"at most {self.floor:.3f}", gone, True), Row(SPREAD, f"{true:.3f}", gone, True)]
        distance, spread = self._distance(x, self.data), _spread(x, self.mixture)
        return [
            Row(DISTANCE, f"at most {self.floor:.3f}", f"{distance:.3f}", distance > self.floor),
            Row(SPREAD, f"{true:.3f}", f"{spread:.3f}", abs(spread / true - 1) > 0.15),
        ]

    def _step_rows(self, k: int) -> list[Row]:
        sampler, correct, s = self.samplers[k], self.samplers[0], self.schedule
        t, g = max(s.T // 4, 2), torch.Generator().manual_seed(1)
        x = torch.tensor([[0.6, -0.4]], dtype=self.data.dtype).expand(COPIES, 2)
        a, b, c = correct.coefficients(s, t)
        wrong_a, wrong_b, _ = sampler.coefficients(s, t)
        answers = (self.eps(x[:1], torch.full((1,), u)) for u in (t, sampler.told(t)))
        means = [p * x[:1] + q * out for (p, q), out in zip(((a, b), (wrong_a, wrong_b)), answers, strict=True)]
        off = float((means[1] - means[0]).norm()) / c
        ratio = float(sampler.step(self.eps, s, x, t, g).std(0).mean()) / c
        last = float(sampler.step(self.eps, s, x, 1, g).std(0).mean())
        start = sampler.start(x, g)
        mean, std = float(start.mean()), float(start.std())
        far, began = abs(mean) > 0.06 or abs(std - 1) > 0.06, f"{mean:.2f}, {std:.2f}"
        return [
            Row(f"one step at t = {t}: error of the mean, in σₜ", "0", f"{off:.3g}", off > 1e-6),
            Row(f"one step at t = {t}: deviation over σₜ", "1", f"{ratio:.2f}", abs(ratio - 1) > 0.06),
            Row("last step, t = 1: deviation", "0", f"{last:.3g}", last > 1e-9),
            Row("start: mean, deviation", "0, 1", began.replace("-", "−"), far),
        ]

    def picture(self) -> Figure:
        """The data beside the samples of the present choice."""
        x = self.samples[self.choice]
        inside = (x.abs() < REACH).all(1, keepdim=True)
        shown = torch.where(inside, x, torch.nan)  # not drawn
        rows = "; ".join(f"{r.what} {r.found} (should be {r.wanted})" for r in self.rows[self.choice])
        name, lost = self.samplers[self.choice].name, int((~inside).sum())
        title = f"{name}\n{lost} of {len(x)} outside" if lost else name
        alt = f"Points of the data beside points drawn by the sampler “{name}”. {rows}."
        return plots.scatter(torch.stack([self.data.float(), shown]), ["the data", title], alt)


def _spread(x: Tensor, mixture: GaussianMixture) -> float:
    """Standard deviation of the points about the middle of their own cluster, the clusters found by nearest mode."""
    mode = torch.cdist(x.to(mixture.means), mixture.means).argmin(1)
    clusters = [x[mode == k] for k in mode.unique()]
    square = sum(float(((c - c.mean(0)) ** 2).sum()) for c in clusters)
    return math.sqrt(square / x.numel())


def bug_gallery(
    schedule: Schedule | None = None, mixture: GaussianMixture | None = None, *, seed: int = 0
) -> BugGallery:
    """A gallery of `bugs.SAMPLERS`: choose one, see its samples beside the data and what its single steps do.

    schedule: the default is a linear one with 200 steps; mixture: in the plane, the default is `data.ring_mixture()`.
    """
    schedule = linear(200, 5e-4, 0.1) if schedule is None else schedule.to("cpu")
    return BugGallery(schedule, in_the_plane(mixture, data.ring_mixture), seed)
