"""From the same noise back to data: by an SDE and by the probability flow, and the likelihood that the flow computes.

Python walks all paths and integrates the likelihood, whenever a setting changes; the browser picks the time.
"""

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List, Unicode, observe, validate

from diffkit import data, plots
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, on_the_line, packed, script
from diffkit.figure import Figure
from diffkit.oracle import GaussianMixture
from diffkit.samplers import euler, euler_maruyama, heun, rk4
from diffkit.samplers.ode import OdeStep
from diffkit.sde import SDE, VP

STEPS, PATHS, REACH = 64, 30, 3.2  # time steps of the SDE and of the slider; half the height of the frame
FINE, COARSE = 96, 61  # places of the exact density, and of the map that is integrated
COUNTS = (4, 8, 16, 32, 64)
SOLVERS: dict[str, OdeStep] = {"Euler": euler, "Heun": heun, "Runge-Kutta": rk4}
LOWEST = -8.0  # of the frame of log p


class FlowPaths(Explorer):
    """Settings: lam, solver, n, draws; and k, the time that is shown, t = k/64.  Python may set all of them.

    A setting that does not exist changes `error` alone: what is shown stays that of the last one that did.
    """

    _esm = script("flow_paths.js")

    k = Int(0).tag(sync=True)
    lam = Float(1.0).tag(sync=True)
    solver = Unicode("Heun").tag(sync=True)
    n = Int(16).tag(sync=True)
    draws = Int(0).tag(sync=True)  # counts the presses of "new noise"

    steps = Int(STEPS).tag(sync=True)
    paths = Int(PATHS).tag(sync=True)
    fine = Int(FINE).tag(sync=True)
    coarse = Int(COARSE).tag(sync=True)
    solvers = List(Unicode(), list(SOLVERS)).tag(sync=True)
    counts = List(Int(), list(COUNTS)).tag(sync=True)
    reach = Float(REACH).tag(sync=True)
    lowest = Float(LOWEST).tag(sync=True)
    exact = Bytes().tag(sync=True)  # (STEPS + 1, FINE) float32: log p_t
    noisy = Bytes().tag(sync=True)  # (PATHS, STEPS + 1) float32, by time 0..1
    smooth = Bytes().tag(sync=True)  # (PATHS, n + 1) float32
    map = Bytes().tag(sync=True)  # (n + 1, COARSE) float32: log p_t as the flow computes it
    errors = Bytes().tag(sync=True)  # (n + 1,) float32: mean |error| of log p_t in nats, under p_t
    overtaken = Bytes().tag(sync=True)  # (STEPS + 1,) float32: pairs of noisy paths that have changed places
    error = Unicode().tag(sync=True)

    def __init__(self, mixture: GaussianMixture, sde: SDE, seed: int) -> None:
        self.mixture, self.sde, self.seed = mixture, sde, seed
        self.x = torch.linspace(-REACH, REACH, FINE, dtype=torch.float64)
        self.places = torch.linspace(-REACH, REACH, COARSE, dtype=torch.float64)
        self.truth = torch.stack([self._log_p(self.x, t / STEPS) for t in range(STEPS + 1)])
        super().__init__(exact=packed(self.truth, "<f4"))
        self._walk_noisy()
        self._walk_smooth()
        self._integrate()

    @validate("k")
    def _check_k(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] <= STEPS:
            raise RangeError(f"k = {proposal['value']}: the time is t = k/{STEPS}, so k runs from 0 to {STEPS}")
        return proposal["value"]

    @observe("lam", "draws")
    def _walk_noisy(self, _change: object = None) -> None:
        if self._refused("lam"):
            return
        g = torch.Generator().manual_seed(self.seed + 1000 * self.draws + 1)
        weight = (1 + self.lam**2) / 2

        def drift(x: Tensor, t: float) -> Tensor:
            s = self.mixture.score(x, *self.sde.marginal(t))
            return self.sde.drift(x, t) - weight * self.sde.diffusion(t) ** 2 * s

        self.shown_lam = self.lam
        back = torch.linspace(1, 0, STEPS + 1, dtype=torch.float64)
        steps = euler_maruyama(drift, lambda t: self.lam * self.sde.diffusion(t), self.start(), back, generator=g)
        self.shaken = torch.cat([step.x for step in steps], 1).flip(1)
        with self.hold_sync():
            self.noisy = packed(self.shaken, "<f4")
            self.overtaken = packed(overtakings(self.shaken), "<f4")

    @observe("solver", "n", "draws")
    def _walk_smooth(self, _change: object = None) -> None:
        if self._refused("solver", "n"):
            return
        self.shown_solver, self.shown_n = self.solver, self.n
        x, ways = self.start(), []
        for j in range(self.n, 0, -1):
            ways.append(x)
            x = SOLVERS[self.solver](self._velocity, x, j / self.n, -1 / self.n)
        self.gliding = torch.cat([*ways, x], 1).flip(1)
        self.smooth = packed(self.gliding, "<f4")

    @observe("solver", "n")
    def _integrate(self, _change: object = None) -> None:
        if self._refused("solver", "n"):
            return
        self.computed = self._likelihood_map()
        off = []
        for j in range(self.n + 1):
            exact = self._log_p(self.places, j / self.n)
            off.append((exact.exp() * (self.computed[j] - exact).abs()).sum() / exact.exp().sum())
        self.off = torch.stack(off)
        with self.hold_sync():
            self.map = packed(self.computed, "<f4")
            self.errors = packed(self.off, "<f4")

    def start(self) -> Tensor:
        """The noise from which all paths begin, (PATHS, 1)."""
        g = torch.Generator().manual_seed(self.seed + 1000 * self.draws)
        return torch.randn(PATHS, 1, generator=g, dtype=torch.float64)

    def _refused(self, *asked: str) -> bool:
        """Is one of these settings wrong?  `error` names the first wrong one, asked about or not."""
        wrong = {}
        if not 0 <= self.lam <= 2:
            wrong["lam"] = f"lam = {self.lam:g}: choose an amount of noise from 0 to 2"
        if self.solver not in SOLVERS:
            wrong["solver"] = f"solver = {self.solver!r}: choose one of {', '.join(SOLVERS)}"
        if self.n not in COUNTS:
            wrong["n"] = f"n = {self.n}: choose one of {', '.join(map(str, COUNTS))} steps"
        self.error = next(iter(wrong.values()), "")
        return any(name in wrong for name in asked)

    def _log_p(self, x: Tensor, t: float) -> Tensor:
        return self.mixture.log_prob(x.unsqueeze(1), *self.sde.marginal(t))

    def _velocity(self, x: Tensor, t: float) -> Tensor:
        return self.sde.flow_drift(x, t, self.mixture.score(x, *self.sde.marginal(t)))

    def _likelihood_map(self) -> Tensor:
        """log p_t at all places and solver times, (n + 1, COARSE): the flow is followed to the end from each.

        Those that begin later join those on their way: one pass for all.
        """

        def both(state: Tensor, t: float) -> Tensor:
            bend = self.mixture.score_jacobian(state[:, :1], *self.sde.marginal(t))[:, 0]
            spread = self.sde.rate(t) - 0.5 * self.sde.diffusion(t) ** 2 * bend
            return torch.cat([self._velocity(state[:, :1], t), spread], 1)

        fresh = torch.stack([self.places, torch.zeros_like(self.places)], 1)
        state = fresh
        for j in range(self.n):
            state = SOLVERS[self.solver](both, state, j / self.n, 1 / self.n)
            state = torch.cat([state, fresh])
        log_prior = self._log_p(state[:, 0], 1.0)
        return (log_prior + state[:, 1]).reshape(self.n + 1, COARSE).nan_to_num(nan=-1e3).clamp(-1e3, 1e3)

    def picture(self) -> Figure:
        """Both bundles of paths, from the noise back to the time that is shown, over the exact density."""
        lam, solver, n = self.shown_lam, self.shown_solver, self.shown_n
        j = round(self.k * n / STEPS)
        t = self.k / STEPS
        even, own = (torch.linspace(0, 1, m + 1, dtype=torch.float64) for m in (STEPS, n))
        panels = {
            f"SDE, λ = {lam:g}": (even[self.k :], self.shaken[:, self.k :]),
            f"flow, {solver}, {n} steps": (own[j:], self.gliding[:, j:]),
        }
        pairs, changed = PATHS * (PATHS - 1) // 2, int(overtakings(self.shaken)[self.k])
        alt = (
            f"{PATHS} paths from the same noise back to t = {t:.2f}, by the SDE with lambda = {lam:g} and by the "
            f"flow in {n} steps of {solver}. Of {pairs} pairs {changed} have changed places in the SDE. The "
            f"flow's log-likelihood at that time is off by {float(self.off[j]):.2g} nats on average."
        )
        return plots.path_panels(panels, self.x, self.truth.exp(), alt)


def flow_paths(mixture: GaussianMixture | None = None, sde: SDE | None = None, *, seed: int = 0) -> FlowPaths:
    """An explorer of the probability flow on the line, beside the SDE with the same densities, and of its likelihood.

    mixture: on the line, inside (-3.2, 3.2), default `data.bumps()`; sde: with t_max = 1 whose end is about N(0, 1),
    default VP; seed: of all draws, so that only the settings change the picture.
    """
    mixture = on_the_line(mixture, data.bumps)
    sde = VP() if sde is None else sde
    if sde.t_max != 1 or not 0.9 < float(sde.marginal(1.0)[1]) < 1.1:
        raise RangeError(f"{sde!r} does not end in about N(0, 1) at t = 1: pass a VP or sub-VP with enough noise")
    return FlowPaths(mixture, sde, seed)


def overtakings(paths: Tensor) -> Tensor:
    """At each time, the pairs whose order differs from that at the last time (the noise), (m,).  paths: (n, m)."""
    side = torch.sign(paths.unsqueeze(0) - paths.unsqueeze(1))
    return (side * side[:, :, -1:] < 0).double().sum((0, 1)) / 2
