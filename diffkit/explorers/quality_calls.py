"""Quality against the number of network calls: every sampler of the course in one picture, and what it makes.

The data are a mixture on the line with the exact noise prediction, and quality is measured without chance
(`diffkit.quality`).  Python ran every sampler with every budget; the browser only picks.
"""

import torch
from torch import Tensor
from traitlets import Bytes, Enum, Float, Int, List, Unicode, validate

from diffkit import data, plots, quality
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, packed, script
from diffkit.figure import Figure
from diffkit.quality import METHODS, SPACINGS, Race

NAMES: dict[str, str] = {
    "ancestral": "DDPM, variance β",
    "eta 1": "DDIM family, η = 1",
    "eta 0.5": "DDIM family, η = 0.5",
    "ddim": "DDIM, η = 0",
    "heun": "Heun",
    "dpm-2": "DPM-Solver-2",
    "multistep": "multistep, 2nd order",
}
SPACING_NAMES = {"time": "even in time", "karras": "Karras, ρ = 7", "log": "constant ratio"}
REACH, BINS = 2.8, 84
CROWDS = (1_000, 10_000)  # sizes of random samples whose noise floor is shown


class QualityCalls(Explorer):
    """Settings: two methods, the spacing of the levels, and the budget of calls.  Python may set all of them."""

    _esm = script("quality_calls.js")

    method = Enum(METHODS, "ddim").tag(sync=True)
    beside = Enum(METHODS, "multistep").tag(sync=True)
    spacing = Enum(SPACINGS, "time").tag(sync=True)
    chosen = Int().tag(sync=True)  # which entry of budgets

    methods = List(Unicode(), [str(m) for m in METHODS]).tag(sync=True)
    names = List(Unicode(), list(NAMES.values())).tag(sync=True)
    spacings = List(Unicode()).tag(sync=True)
    spacing_names = List(Unicode()).tag(sync=True)
    budgets = List(Int()).tag(sync=True)
    reach = Float(REACH).tag(sync=True)
    bins = Int(BINS).tag(sync=True)
    crowds = List(Int(), list(CROWDS)).tag(sync=True)
    floors = List(Float()).tag(sync=True)  # noise floor of random samples of these sizes
    spent = Bytes().tag(sync=True)  # (7, C) float64: calls made
    distances = Bytes().tag(sync=True)  # (S, 7, C) float64
    truth = Bytes().tag(sync=True)  # (BINS,) float32: mean density of the data in each bin
    made = Bytes().tag(sync=True)  # (S, 7, C, BINS) float32: the same of what the sampler made

    def __init__(self, run: Race) -> None:
        self.run, self.bars = run, histogram(run.points)
        self.goal = density_in_bins(run)
        super().__init__(
            spacing=run.spacings[0],
            chosen=len(run.budgets) // 2,
            spacings=list(run.spacings),
            spacing_names=[SPACING_NAMES[s] for s in run.spacings],
            budgets=list(run.budgets),
            floors=[quality.noise_floor(run.mixture, n, repeats=50) for n in CROWDS],
            spent=packed(run.spent.double(), "<f8"),
            distances=packed(run.distances, "<f8"),
            truth=packed(self.goal, "<f4"),
            made=packed(self.bars, "<f4"),
        )

    @validate("chosen")
    def _check_chosen(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] < len(self.budgets):
            raise RangeError(f"chosen = {proposal['value']}: it counts the entries of budgets, from 0")
        return proposal["value"]

    @validate("spacing")
    def _check_spacing(self, proposal: dict[str, str]) -> str:
        if proposal["value"] not in self.run.spacings:
            raise RangeError(f"spacing = {proposal['value']!r}: this race was run with {', '.join(self.run.spacings)}")
        return proposal["value"]

    def picture(self) -> Figure:
        """The curves of both methods, and the densities that they make with the chosen budget."""
        row, k = self.run.spacings.index(self.spacing), self.chosen
        two = [METHODS.index(m) for m in (self.method, self.beside)]
        curves = {
            NAMES[METHODS[i]]: (self.run.spent[i].double().log10(), self.run.distances[row, i].clamp(min=1e-5).log10())
            for i in two
        }
        floor = torch.tensor(self.floors[:1]).log10().expand(2)
        curves[f"{CROWDS[0]:,} right samples"] = (torch.tensor([1.0, self.budgets[-1]]).log10(), floor)
        x = bin_edges().unfold(0, 2, 1).mean(1)
        shapes = {NAMES[METHODS[i]]: (x, self.bars[row, i, k]) for i in two} | {"data": (x, self.goal)}
        found = [float(self.run.distances[row, i, k]) for i in two]
        alt = (
            f"Distance from the data against the number of network calls, for two samplers, levels "
            f"{SPACING_NAMES[self.spacing]}. With {self.budgets[k]} calls at most: {NAMES[self.method]} "
            f"{found[0]:.3g}, {NAMES[self.beside]} {found[1]:.3g}. Beside it the densities that they make, and that "
            "of the data."
        )
        panels = {r"$\log_{10}$ of the distance": curves, f"made with {self.budgets[k]} calls": shapes}
        return plots.curve_panels(panels, alt, x_label=[r"$\log_{10}$ of the calls", "x"], room=0.5)


def quality_calls(run: Race | None = None) -> QualityCalls:
    """An explorer of quality against calls.

    run: what `quality.race` gave; the default runs all samplers on `data.bumps()`, which takes some seconds.
    """
    return QualityCalls(quality.race(data.bumps()) if run is None else run)


def bin_edges() -> Tensor:
    return torch.linspace(-REACH, REACH, BINS + 1, dtype=torch.float64)


def histogram(points: Tensor) -> Tensor:
    """Density of points (*, N), rising, in the bins, (*, BINS).  What lies outside the frame is left out."""
    edges = bin_edges()
    below = torch.searchsorted(points.contiguous(), edges.expand(*points.shape[:-1], -1).contiguous())
    return below.diff(dim=-1) / (points.shape[-1] * edges.diff())


def density_in_bins(run: Race) -> Tensor:
    """Mean density of the data in each bin, (BINS,)."""
    edges = bin_edges()
    z = (edges.unsqueeze(1) - run.mixture.means[:, 0]) / run.mixture.covs[:, 0, 0].sqrt()
    return (torch.special.ndtr(z) @ run.mixture.weights).diff() / edges.diff()
