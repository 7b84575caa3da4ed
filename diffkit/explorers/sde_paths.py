"""A bundle of paths of an SDE over its exact density: forward or backward in time, with any step.

Python runs the particles, whenever a setting changes; the browser only picks the moment that belongs to the slider.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List, Unicode, observe, validate

from diffkit import data, plots
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, on_the_line, packed, script
from diffkit.figure import Figure
from diffkit.oracle import GaussianMixture
from diffkit.samplers import euler_maruyama, reverse_sde
from diffkit.sde import SDE, VE, VP, SubVP

FRAMES = 256  # moments of the slider: a multiple of every number of steps
STEPS = (4, 8, 16, 32, 64, 128, 256)
PARTICLES, DRAWN, BINS, GRID = 2000, 36, 60, 121
KINDS: dict[str, SDE] = {"VP": VP(0.1, 12.0), "sub-VP": SubVP(0.1, 12.0), "VE": VE(0.05, 3.0)}
REACH = {"VP": 3.6, "sub-VP": 3.6, "VE": 7.5}  # the frame; a particle beyond is drawn at its edge
DIRECTIONS = ("data to noise", "noise to data", "noise to data, without the score")


class Settings(NamedTuple):
    """What the paths were run with; a setting that is refused later changes nothing of it."""

    kind: str
    direction: str
    n: int


class SdePaths(Explorer):
    """Settings: kind, direction, n (steps), draws; and frame, the moment shown.  Python may set all of them.

    A setting that does not exist changes `error` alone: the paths stay those of `shown`.
    """

    _esm = script("sde_paths.js")

    kind = Unicode("VP").tag(sync=True)
    direction = Unicode(DIRECTIONS[0]).tag(sync=True)
    n = Int(64).tag(sync=True)
    draws = Int(0).tag(sync=True)  # which noise
    frame = Int(FRAMES).tag(sync=True)  # 0: the start of the run, FRAMES: its end

    frames = Int(FRAMES).tag(sync=True)
    kinds = List(Unicode(), list(KINDS)).tag(sync=True)
    directions = List(Unicode(), list(DIRECTIONS)).tag(sync=True)
    choices = List(Int(), list(STEPS)).tag(sync=True)
    reach = Float().tag(sync=True)
    top = Float().tag(sync=True)  # of the frame of densities
    density = Bytes().tag(sync=True)  # (FRAMES + 1, GRID) float32: p_t from t = 0 to 1, on even points of the frame
    paths = Bytes().tag(sync=True)  # (n + 1, DRAWN) float32, in the order of the run
    hist = Bytes().tag(sync=True)  # (n + 1, BINS) float32: density of the particles
    gap = Bytes().tag(sync=True)  # (n + 1,) float32: largest gap between the particles' shares and the exact ones
    spread = Bytes().tag(sync=True)  # (2, n + 1) float32: standard deviation of the particles, and the exact one
    verdict = Unicode().tag(sync=True)
    error = Unicode().tag(sync=True)

    def __init__(self, mixture: GaussianMixture, seed: int) -> None:
        self.mixture, self.seed = mixture, seed
        super().__init__()
        self._recompute()

    @validate("frame")
    def _check_frame(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] <= FRAMES:
            raise RangeError(f"frame = {proposal['value']}: this explorer has frames 0..{FRAMES}")
        return proposal["value"]

    @observe("kind", "direction", "n", "draws")
    def _recompute(self, _change: object = None) -> None:
        with self.hold_sync():  # one message, so that the browser never draws half an answer
            self.error = self._problem()
            if self.error:
                return
            self.shown = Settings(self.kind, self.direction, self.n)
            self.sde, self.reach = KINDS[self.kind], REACH[self.kind]
            forward = torch.linspace(0, 1, self.n + 1, dtype=torch.float64)
            self.times = forward if self.direction == DIRECTIONS[0] else forward.flip(0)
            self.x = torch.linspace(-self.reach, self.reach, GRID, dtype=torch.float64)
            self.run = self._run()
            self.gaps = torch.stack([self._gap(x, float(t)) for x, t in zip(self.run, self.times, strict=True)])
            self.verdict = self._verdict()
            self._pack()

    def _pack(self) -> None:
        every = torch.linspace(0, 1, FRAMES + 1, dtype=torch.float64)
        exact = torch.stack([self._exact_std(float(t)) for t in self.times])
        density = torch.stack([self._density(float(t)) for t in every])
        self.top = 1.1 * float(density.max())
        self.density = packed(density, "<f4")
        self.hist = packed(histogram(self.run, self.reach), "<f4")
        self.gap = packed(self.gaps, "<f4")
        self.spread = packed(torch.stack([self.run.std(1), exact]), "<f4")
        self.paths = packed(self.run[:, :DRAWN].clamp(-self.reach, self.reach), "<f4")

    def _problem(self) -> str:
        for name, value, known in (
            ("kind", self.kind, tuple(KINDS)),
            ("direction", self.direction, DIRECTIONS),
            ("n", self.n, STEPS),
        ):
            if value not in known:
                return f"{name} = {value!r}: choose one of {', '.join(map(str, known))}"
        return ""

    def _level(self, t: float) -> tuple[float, float]:
        alpha, sigma = self.sde.marginal(t)
        return float(alpha), float(sigma)

    def _density(self, t: float) -> Tensor:
        return self.mixture.log_prob(self.x.unsqueeze(1), *self._level(t)).exp()

    def _score(self, x: Tensor, t: float) -> Tensor:
        return self.mixture.score(x, *self._level(t))

    def _run(self) -> Tensor:
        """All particles at all steps, (n + 1, PARTICLES); what flew off is left at a very large number."""
        g = torch.Generator().manual_seed(self.seed + self.draws)
        start = self.mixture.noised(*self._level(float(self.times[0]))).sample(PARTICLES, generator=g)
        sde = self.sde
        if self.direction == DIRECTIONS[1]:
            steps = reverse_sde(self._score, sde, start, self.times, generator=g)
        else:
            steps = euler_maruyama(sde.drift, sde.diffusion, start, self.times, generator=g)
        return torch.cat([step.x for step in steps], 1).mT.nan_to_num(nan=1e6).clamp(-1e6, 1e6)

    def _gap(self, x: Tensor, t: float) -> Tensor:
        """The statistic of Kolmogorov and Smirnov between particles (N,) and p_t."""
        alpha, sigma = self._level(t)
        spread = (alpha**2 * self.mixture.covs[:, 0, 0] + sigma**2).sqrt()
        z = (x.sort().values.unsqueeze(1) - alpha * self.mixture.means[:, 0]) / spread
        exact = torch.special.ndtr(z) @ self.mixture.weights
        counted = torch.arange(len(x) + 1, dtype=torch.float64) / len(x)
        return torch.maximum((counted[1:] - exact).max(), (exact - counted[:-1]).max())

    def _exact_std(self, t: float) -> Tensor:
        noisy = self.mixture.noised(*self._level(t))
        mean = noisy.weights @ noisy.means[:, 0]
        return (noisy.weights @ (noisy.covs[:, 0, 0] + noisy.means[:, 0] ** 2) - mean**2).sqrt()

    def _verdict(self) -> str:
        end, chance = float(self.gaps[-1]), 1.63 / PARTICLES**0.5  # 99 of 100 right samples stay below it
        words = f"At the end the shares of the particles are off by at most {end:.3f}"
        if self.direction == DIRECTIONS[2]:
            return f"{words}: noise does not undo noise. Without the score the paths never find back."
        if end <= chance:
            return f"{words}; by chance alone up to {chance:.3f}. The step is small enough for this many particles."
        return f"{words}; by chance alone up to {chance:.3f}. What is more comes from the length of the step."

    def picture(self) -> Figure:
        """The paths over the exact density at every step, and that density at the two ends and at the moment shown."""
        kind, direction, n = self.shown
        k = self.frame * n // FRAMES
        rising = slice(None) if direction == DIRECTIONS[0] else slice(None, None, -1)
        order = list(range(n + 1))[rising]
        now = order[k]
        p = torch.stack([self._density(float(t)) for t in self.times[order]])
        paths = self.run[order, :DRAWN].clamp(-self.reach, self.reach).mT
        alt = (
            f"{DRAWN} of {PARTICLES} paths of the {kind} equation, {direction}, in {n} steps, over the "
            f"exact density of x; the axis counts steps from the data. Shown: step {k} of the run, t = "
            f"{float(self.times[k]):.2f}. {self.verdict}"
        )
        return plots.trajectories(paths, self.x, p, alt, at=sorted({0, now, n}), letter="k")


def sde_paths(mixture: GaussianMixture | None = None, *, seed: int = 0) -> SdePaths:
    """An explorer of the three equations: choices of kind and direction, sliders for the step and for the moment.

    mixture: on the line, default the three bumps of the course; seed: of all draws, so that only the settings
    change the picture.
    """
    return SdePaths(on_the_line(mixture, data.bumps), seed)


def histogram(run: Tensor, reach: float) -> Tensor:
    """Density of the particles at every step, (n + 1, BINS); those outside the frame are in no bin."""
    index = ((run + reach) / (2 * reach) * BINS).floor()
    inside = (index >= 0) & (index < BINS)
    counts = torch.zeros(len(run), BINS, dtype=torch.float64)
    counts.scatter_add_(1, index.clamp(0, BINS - 1).long(), inside.double())
    return counts / (run.shape[1] * 2 * reach / BINS)
