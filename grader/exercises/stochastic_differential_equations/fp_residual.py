"""The residual of the Fokker-Planck equation on a grid: `fp_residual`."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import F64, WITHHOLDS, criteria


def fp_residual(p: Tensor, f: Tensor, g: float, dx: float, dt: float) -> Tensor:
    """Equation (8.22) by central differences: left side minus right side."""
    now, flow = p[1], f * p[1]
    rate = (p[2] - p[0]) / (2 * dt)
    slope = (flow[2:] - flow[:-2]) / (2 * dx)
    curvature = (now[2:] - 2 * now[1:-1] + now[:-2]) / dx**2
    return rate[1:-1] + slope - 0.5 * g**2 * curvature


def _pieces(p: Tensor, f: Tensor, dx: float, dt: float) -> tuple[Tensor, Tensor, Tensor]:
    now, flow = p[1], f * p[1]
    slope = (flow[2:] - flow[:-2]) / (2 * dx)
    return ((p[2] - p[0]) / (2 * dt))[1:-1], slope, (now[2:] - 2 * now[1:-1] + now[:-2]) / dx**2


def _slope(u: Tensor, dx: float) -> Tensor:
    return (u[2:] - u[:-2]) / (2 * dx)


def _drift_outside(p: Tensor, f: Tensor, g: float, dx: float, dt: float) -> Tensor:
    rate, _, curvature = _pieces(p, f, dx, dt)
    return rate + f[1:-1] * _slope(p[1], dx) - 0.5 * g**2 * curvature


def _forward_in_time(p: Tensor, f: Tensor, g: float, dx: float, dt: float) -> Tensor:
    _, slope, curvature = _pieces(p, f, dx, dt)
    return ((p[2] - p[1]) / dt)[1:-1] + slope - 0.5 * g**2 * curvature


def _mixed(
    p: Tensor, f: Tensor, g: float, dx: float, dt: float, rate: float = 1, slope: float = 1, noise: float | None = None
) -> Tensor:
    a, b, c = _pieces(p, f, dx, dt)
    return rate * a + slope * b - (0.5 * g**2 if noise is None else noise) * c


def _draw_residual(d: Draw) -> Iterator[Case]:
    def density(t: float, x: Tensor) -> Tensor:
        """A density that moves and widens, not as the equation says: a residual that is not 0."""
        m, v = 0.5 + t, 0.6 + 0.7 * t
        return torch.exp(-0.5 * (x - m) ** 2 / v) / math.sqrt(2 * math.pi * v)

    def draw(n: int) -> tuple[Tensor, Tensor, float, float, float]:
        dx, dt, t = d.uniform(0.3, 0.4), d.uniform(0.05, 0.1), d.uniform(0.2, 0.6)
        x = dx * torch.arange(n, dtype=F64) - n * dx / 2
        p = torch.stack([density(t + k * dt, x) for k in (-1, 0, 1)])
        return p, -x * d.uniform(0.6, 1.4), d.uniform(1.2, 1.6), dx, dt

    p, f, g, dx, dt = draw(15)
    yield Case("a drift towards 0", (p, f, g, dx, dt))
    yield Case("any drift", (p, f + d.randn(15).double(), g, dx, dt))
    yield Case("no noise", (p, f, 0.0, dx, dt), "edges")
    yield Case("no drift", (p, 0 * f, g, dx, dt), "edges")
    yield Case("three points", draw(3), "edges")
    yield Case("a transposed view", (p.mT.contiguous().mT, f, g, dx, dt), "edges")
    yield Case("called twice", (p, f, g, dx, dt), "clean", "twice")


EXERCISE = Exercise(
    name="sde.fp_residual",
    prompt="Compute by central differences how far densities on a grid are from the Fokker-Planck equation.",
    signature="fp_residual(p (3, G) at t-dt, t, t+dt, f (G,), g float, dx float, dt float) -> (G-2,)",
    reference=fp_residual,
    draw=_draw_residual,
    criteria=criteria(3, 1, 1, at="no noise, no drift, three points, any memory layout"),
    equation="8.22",
    difficulty=3,
    minutes=15,
    hints=(
        "Bring everything to the left side: rate in time, plus the slope of f p, minus g^2/2 times the curvature of p.",
        "(p[2] - p[0])/(2 dt), ((f p)[2:] - (f p)[:-2])/(2 dx), (p[2:] - 2 p[1:-1] + p[:-2])/dx^2, the last two at the middle "
        "time. Drop the two end points of the first.",
        "return rate[1:-1] + slope - 0.5 * g**2 * curvature",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "drift taken out of the derivative",
            _drift_outside,
            "you differentiate p and multiply by f. The divergence acts on the product f p: the drift varies too.",
        ),
        Misconception(
            "sign of the flow",
            lambda p, f, g, dx, dt: _mixed(p, f, g, dx, dt, slope=-1),
            "the slope of f p has the wrong sign. On the right side it is minus, so it is plus after it moved to the left.",
        ),
        Misconception(
            "sign of the noise",
            lambda p, f, g, dx, dt: _mixed(p, f, g, dx, dt, noise=-0.5 * g**2),
            "the curvature has the wrong sign: noise fills valleys, it does not dig them.",
        ),
        Misconception(
            "half forgotten",
            lambda p, f, g, dx, dt: _mixed(p, f, g, dx, dt, noise=g**2),
            "the curvature has the factor g^2. It is g^2/2, the half of Taylor's second term.",
        ),
        Misconception(
            "g not squared",
            lambda p, f, g, dx, dt: _mixed(p, f, g, dx, dt, noise=0.5 * g),
            "the curvature has the factor g/2. Noise counts through its variance: g^2/2.",
        ),
        Misconception(
            "forward difference in time",
            _forward_in_time,
            "the rate is (p[2] - p[1])/dt. That belongs to a time half a step later than the rest: take p[2] - p[0] over 2 dt.",
        ),
        Misconception(
            "central difference over one step",
            lambda p, f, g, dx, dt: _mixed(p, f, g, dx, dt, rate=2, slope=2),
            "a central difference spans two steps: divide by 2 dt and by 2 dx.",
        ),
        Misconception(
            "right side alone",
            lambda p, f, g, dx, dt: _mixed(p, f, g, dx, dt, rate=0, slope=-1, noise=-0.5 * g**2),
            "this is the right side. The residual is the left side minus the right side.",
        ),
        Misconception(
            "curvature over dx",
            lambda p, f, g, dx, dt: _mixed(p, f, g, dx, dt, noise=0.5 * g**2 * dx),
            "the second difference is divided by dx. A second derivative takes dx^2.",
        ),
    ),
)
