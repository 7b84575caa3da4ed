"""Langevin dynamics on the line: 400 particles, step by step, for any step size, smoothing and start.

Python runs the particles, whenever a setting changes; the browser only picks the step that belongs to the slider.
"""

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List, Unicode, observe, validate

from diffkit import plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers.base import Explorer, packed, script
from diffkit.figure import Figure
from diffkit.oracle import GaussianMixture
from diffkit.samplers import ula

STEPS, PARTICLES, DOTS, BINS = 200, 400, 80, 56
REACH = 4.5  # the frame; a particle beyond is drawn at its edge
STARTS = ("left mode", "far right", "everywhere", "right answer")


class LangevinParticles(Explorer):
    """Settings: eta, sigma, start; and k, the step that is shown.  Python may set all of them.

    A setting that is refused changes `error` alone: the particles stay those of `shown`.
    """

    _esm = script("langevin_particles.js")

    eta = Float(0.05).tag(sync=True)
    sigma = Float(0.0).tag(sync=True)
    start = Unicode(STARTS[0]).tag(sync=True)
    k = Int(STEPS).tag(sync=True)

    steps = Int(STEPS).tag(sync=True)
    starts = List(Unicode(), list(STARTS)).tag(sync=True)
    x_range = List(Float(), [-REACH, REACH]).tag(sync=True)
    top = Float().tag(sync=True)  # of the density's frame
    truth = Float().tag(sync=True)  # share of the target, smoothed, that lies on the right
    clean = Bytes().tag(sync=True)  # (G,) float32: the density p
    smooth = Bytes().tag(sync=True)  # (G,) float32: p_sigma, towards which the particles go
    hist = Bytes().tag(sync=True)  # (STEPS + 1, BINS) float32: density of the particles
    dots = Bytes().tag(sync=True)  # (STEPS + 1, DOTS) float32: places of some of them
    share = Bytes().tag(sync=True)  # (STEPS + 1,) float32: share right of the middle
    crossing = Float().tag(sync=True)  # mean number of steps from the left mode to the right one
    verdict = Unicode().tag(sync=True)
    error = Unicode().tag(sync=True)

    def __init__(self, mixture: GaussianMixture, seed: int) -> None:
        self.mixture, self.seed = mixture, seed
        self.x = torch.linspace(-REACH, REACH, 256, dtype=torch.float64)
        self.p = _density(mixture, self.x, 0.0)
        highest = float((2 * torch.pi * mixture.covs[:, 0, 0]).rsqrt().max())  # when all particles are in one mode
        super().__init__(top=1.2 * highest, clean=packed(self.p, "<f4"))
        self._recompute()

    @validate("k")
    def _check_k(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] <= STEPS:
            raise RangeError(f"k = {proposal['value']}: this explorer runs k = 0..{STEPS} steps")
        return proposal["value"]

    @observe("eta", "sigma", "start")
    def _recompute(self, _change: object = None) -> None:
        with self.hold_sync():  # one message, so that the browser never draws half an answer
            self.error = self._problem()
            if self.error:
                return
            self.shown = f"eta = {self.eta:.3g}, sigma = {self.sigma:.3g}, start: {self.start}"
            self.paths = self._run()
            self.p_sigma = _density(self.mixture, self.x, self.sigma)
            self.crossing = crossing_time(self.mixture, self.sigma) / self.eta
            self.right = (self.paths > self._middle()).double().mean(1)
            self.truth = self._truth()
            self.verdict = self._verdict()
            self.smooth = packed(self.p_sigma, "<f4")
            self.hist = packed(histogram(self.paths), "<f4")
            self.dots = packed(self.paths[:, :: PARTICLES // DOTS], "<f4")
            self.share = packed(self.right, "<f4")

    def _problem(self) -> str:
        if not 0 < self.eta <= 10:
            return f"eta = {self.eta:g}: choose a step size between 0 and 10"
        if not 0 <= self.sigma <= 10:
            return f"sigma = {self.sigma:g}: choose a noise level from 0 to 10"
        return "" if self.start in STARTS else f"start = {self.start!r}: choose one of {', '.join(STARTS)}"

    def _middle(self) -> float:
        return float(self.mixture.means.mean())

    def _truth(self) -> float:
        spread = (self.mixture.covs[:, 0, 0] + self.sigma**2).sqrt()
        z = (self.mixture.means[:, 0] - self._middle()) / spread
        return float(self.mixture.weights @ torch.special.ndtr(z))

    def _run(self) -> Tensor:
        """All particles at all steps, (STEPS + 1, PARTICLES), held inside the frame."""
        g = torch.Generator().manual_seed(self.seed)
        noise = torch.randn(PARTICLES, 1, generator=g, dtype=torch.float64)
        x = {
            "left mode": self.mixture.means[0] + 0.1 * noise,
            "far right": 4.0 + 0.1 * noise,
            "everywhere": 2.5 * noise,
            "right answer": self.mixture.noised(1.0, self.sigma).sample(PARTICLES, generator=g),
        }[self.start]
        steps = ula(lambda y: self.mixture.score(y, 1.0, self.sigma), x, eta=self.eta, n_steps=STEPS, generator=g)
        return torch.cat([step.x for step in steps], 1).mT.nan_to_num(nan=REACH).clamp(-REACH, REACH)

    def _verdict(self) -> str:
        narrow = float(self.mixture.covs.min()) + self.sigma**2
        if self.eta >= 2 * narrow:
            return f"The steps are too large: in the narrow mode nothing settles from eta = {2 * narrow:.2g} on."
        bias = f"Inside the narrow mode the variance comes out {1 / (1 - self.eta / (2 * narrow)):.3g} times too large."
        if self.crossing > 2 * STEPS:
            return f"{STEPS} steps are far too few to cross the valley. {bias}"
        return f"The particles cross the valley within these {STEPS} steps. {bias}"

    def picture(self) -> Figure:
        """The particles at the present step beside the target, and the share on the right over the steps."""
        k, now = self.k, float(self.right[self.k])
        centres = (torch.arange(BINS, dtype=torch.float64) + 0.5) * (2 * REACH / BINS) - REACH
        steps = torch.arange(STEPS + 1)
        panels = {
            f"density over x, k = {k}": {
                r"target $p_\sigma$": (self.x, self.p_sigma),
                "particles": (centres, histogram(self.paths)[k]),
            },
            "share on the right, over k": {
                "particles": (steps, self.right),
                "target": (steps, torch.full((STEPS + 1,), self.truth)),
            },
        }
        alt = (
            f"{PARTICLES} particles after {k} Langevin steps, {self.shown}. Share on the right {now:.2f}, in the "
            f"target {self.truth:.2f}. {self.verdict}"
        )
        return plots.curve_panels(panels, alt, x_label="")


def langevin_particles(mixture: GaussianMixture | None = None, *, seed: int = 0) -> LangevinParticles:
    """An explorer of Langevin dynamics: 400 particles, sliders for eta, sigma and the step, a choice of the start.

    mixture: two components on the line, the left one first, inside (-4.5, 4.5); seed: of all draws, so that only
    the settings change the picture.
    """
    if mixture is None:
        mixture = GaussianMixture.isotropic(
            torch.tensor([0.3, 0.7], dtype=torch.float64),
            torch.tensor([[-1.7], [1.7]], dtype=torch.float64),
            torch.tensor([0.16, 0.22], dtype=torch.float64),
        )
    if mixture.means.shape != (2, 1) or bool(mixture.means[0] >= mixture.means[1]):
        raise ShapeError("this explorer shows two components on the line: pass means (2, 1), the left one first")
    return LangevinParticles(mixture.to("cpu", torch.float64), seed)


def crossing_time(mixture: GaussianMixture, sigma: float) -> float:
    """Mean time of the Langevin diffusion from the left mean to the right one, in steps times eta."""
    x = torch.linspace(-9 - 4 * sigma, float(mixture.means[1]), 2001, dtype=torch.float64)
    p = _density(mixture, x, sigma)
    below = torch.cumulative_trapezoid(p, x)
    inside = torch.where(x[1:] >= mixture.means[0], below / p[1:], 0.0)
    return float(torch.trapezoid(inside, x[1:]))


def histogram(paths: Tensor) -> Tensor:
    """Density of the particles at every step, (STEPS + 1, BINS).  paths: (STEPS + 1, PARTICLES)."""
    index = ((paths + REACH) / (2 * REACH) * BINS).long().clamp(0, BINS - 1)
    counts = torch.zeros(len(paths), BINS, dtype=torch.float64)
    counts.scatter_add_(1, index, torch.ones_like(paths))
    return counts / (paths.shape[1] * 2 * REACH / BINS)


def _density(mixture: GaussianMixture, x: Tensor, sigma: float) -> Tensor:
    return mixture.log_prob(x.unsqueeze(1), 1.0, sigma).exp()
