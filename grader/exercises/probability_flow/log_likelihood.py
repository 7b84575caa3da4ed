"""Exact likelihood along the flow: `log_likelihood`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.probability_flow.common import CALLS, WITHHOLDS, Velocity, criteria, random_times
from grader.exercises.probability_flow.rk4_step import rk4_step

Divergence = Callable[[Tensor, float], Tensor]
LogPrior = Callable[[Tensor], Tensor]


def log_likelihood(v: Velocity, div: Divergence, x: Tensor, times: Tensor, log_prior: LogPrior) -> Tensor:
    """Equation (9.18), point and volume carried together by Runge-Kutta steps."""

    def both(state: Tensor, t: float) -> Tensor:
        y = state[:, 1:].reshape(x.shape)
        return torch.cat([div(y, t).unsqueeze(1), v(y, t).flatten(1)], dim=1)

    state = torch.cat([torch.zeros(len(x), 1).to(x), x.flatten(1)], dim=1)
    for k in range(len(times) - 1):
        state = rk4_step(both, state, float(times[k]), float(times[k + 1] - times[k]))
    return log_prior(state[:, 1:].reshape(x.shape)) + state[:, 0]


def _carried(
    v: Velocity, div: Divergence, x: Tensor, times: Tensor, step: Callable[..., Tensor]
) -> tuple[Tensor, Tensor]:
    """Where the flow brings x, and the integral of the divergence on the way."""

    def both(state: Tensor, t: float) -> Tensor:
        y = state[:, 1:].reshape(x.shape)
        return torch.cat([div(y, t).unsqueeze(1), v(y, t).flatten(1)], dim=1)

    state = torch.cat([torch.zeros(len(x), 1).to(x), x.flatten(1)], dim=1)
    for t, t_next in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        state = step(both, state, t, t_next - t)
    return state[:, 1:].reshape(x.shape), state[:, 0]


def _euler(v: Velocity, x: Tensor, t: float, dt: float) -> Tensor:
    return x + dt * v(x, t)


Rule = Callable[[LogPrior, Tensor, Tensor, Tensor], Tensor]  # log prior, x, end, volume


def _by(rule: Rule, step: Callable[..., Tensor] = rk4_step) -> Callable[..., Tensor]:
    def wrong(v: Velocity, div: Divergence, x: Tensor, times: Tensor, log_prior: LogPrior) -> Tensor:
        return rule(log_prior, x, *_carried(v, div, x, times, step))

    return wrong


def _rough_volume(v: Velocity, div: Divergence, x: Tensor, times: Tensor, log_prior: LogPrior) -> Tensor:
    volume = torch.zeros(len(x)).to(x)
    for t, t_next in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        volume = volume + (t_next - t) * div(x, t)
        x = rk4_step(v, x, t, t_next - t)
    return log_prior(x) + volume


def _still(v: Velocity, div: Divergence, x: Tensor, times: Tensor, log_prior: LogPrior) -> Tensor:
    z, _ = _carried(v, div, x, times, rk4_step)
    _, volume = _carried(lambda y, t: torch.zeros_like(y), div, x, times, rk4_step)
    return log_prior(z) + volume


def _backwards(v: Velocity, div: Divergence, x: Tensor, times: Tensor, log_prior: LogPrior) -> Tensor:
    return log_likelihood(v, div, x, times.flip(0), log_prior)


def _random_flow(d: Draw) -> tuple[Served, Served, Served]:
    """v = a sin(x + t) - b x + c (left neighbour), its divergence, and a log prior that is not normalised.

    Neighbours make the shape of x count: who hands over flattened images gets something else.
    """
    a, b, c = d.uniform(0.5, 0.9), d.uniform(0.3, 0.6), d.uniform(0.2, 0.4)
    width = d.uniform(0.8, 1.3)

    def velocity(x: Tensor, t: float) -> Tensor:
        return a * torch.sin(x + t) - b * x + c * x.roll(1, -1)

    def divergence(x: Tensor, t: float) -> Tensor:
        return (a * torch.cos(x + t) - b).flatten(1).sum(1)

    def log_prior(z: Tensor) -> Tensor:
        return -0.5 * (((z - c * z.roll(1, -1)) / width) ** 2).flatten(1).sum(1)

    return Served(velocity), Served(divergence), Served(log_prior)


def _draw_likelihood(d: Draw) -> Iterator[Case]:
    v, div, prior = _random_flow(d)
    x, times = d.randn(4, 2, dtype=torch.float64), 2.5 * random_times(d, 3)
    yield Case("points in the plane", (v, div, x, times, prior))
    yield Case("images", (v, div, d.randn(2, 1, 2, 2, dtype=torch.float64), times[:3], prior))
    yield Case("a single step", (v, div, x, times[:2], prior), "edges")
    yield Case("one example", (v, div, x[:1], times[:3], prior), "edges")
    yield Case("as many examples as dimensions", (v, div, x[:2], times[:3], prior), "edges")
    yield Case("float32 stays float32", (v, div, x.float(), times[:2], prior), "edges", strict_dtype=True)
    yield Case("called twice", (v, div, x, times[:2], prior), "clean", "twice")
    yield Case("four looks a step", (v, div, x, times[:3], prior), "clean", max_calls=2 * 4 * 2 + 1)


EXERCISE = Exercise(
    name="flow.log_likelihood",
    prompt="Exact log-likelihood: carry point and volume along the flow, and ask the prior at the end.",
    signature=(
        "log_likelihood(v: (x, t float) -> (B, *D), div: (x, t float) -> (B,), x (B, *D), times (n+1,), "
        "log_prior: z -> (B,)) -> (B,)"
    ),
    reference=log_likelihood,
    draw=_draw_likelihood,
    criteria=criteria(3, 1, 1, at="a single step, one example, B = D, float32", clean_text=CALLS),
    equation="9.18",
    difficulty=4,
    minutes=20,
    hints=(
        "Make one long vector of the point and of the volume so far, which starts at 0. Its velocity is v and div. Your "
        "rk4_step does the rest.",
        "state (B, 1 + D): first column volume, the rest x. velocity of state: cat([div(y, t), v(y, t)]). At the end: "
        "log_prior(z) + volume.",
        "both = lambda s, t: torch.cat([div(y(s), t).unsqueeze(1), v(y(s), t).flatten(1)], 1) with y(s) = s[:, "
        "1:].reshape(x.shape); step through the times with rk4_step",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "volume subtracted",
            _by(lambda prior, x, z, volume: prior(z) - volume),
            "the volume is subtracted. log p falls by the divergence on the way out, so p at the start is larger: add it.",
        ),
        Misconception(
            "no volume",
            _by(lambda prior, x, z, volume: prior(z)),
            "only the prior counts. The flow stretches space, and that changes densities: add the integral of the divergence.",
        ),
        Misconception(
            "prior at the start",
            _by(lambda prior, x, z, volume: prior(x) + volume),
            "the prior is asked at x. It is the density at the end of the flow: log_prior(z).",
        ),
        Misconception(
            "volume alone",
            _by(lambda prior, x, z, volume: volume),
            "only the volume is returned. Add the log prior at the end of the path.",
        ),
        Misconception(
            "Euler",
            _by(lambda prior, x, z, volume: prior(z) + volume, _euler),
            "right in the limit of many steps, but these are Euler's steps. Use your rk4_step.",
        ),
        Misconception(
            "rough volume",
            _rough_volume,
            "the point moves by Runge-Kutta, but the volume adds div only at the start of each step. Carry both in one "
            "state, so that both have order 4.",
        ),
        Misconception(
            "divergence at the start",
            _still,
            "the divergence is always asked at the first x. The point moves: ask where it is.",
        ),
        Misconception(
            "the other way in time",
            _backwards,
            "you walk the times backwards. From data to noise they rise, as given.",
        ),
        Misconception(
            "mean over the batch",
            _by(lambda prior, x, z, volume: (prior(z) + volume).mean().expand(len(x))),
            "this is one mean for the batch. Each example has its own likelihood.",
        ),
        Misconception(
            "divided by the dimension",
            _by(lambda prior, x, z, volume: prior(z) + volume / x[0].numel()),
            "the volume is divided by the number of dimensions. A divergence is a sum, and stays one.",
        ),
    ),
)
