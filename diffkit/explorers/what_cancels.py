"""What cancels in the bound: every factor of one random path, in five stages whose sum stays the same.

Python computes every number and writes every line; the script lays them out.
"""

import json
from typing import Any

import torch
from torch import Tensor
from traitlets import Int, Unicode, observe, validate

from diffkit import data, plots
from diffkit.elbo import evaluate, p_reverse
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, on_the_line, script
from diffkit.figure import Figure
from diffkit.forward import q_marginal, q_posterior, q_step
from diffkit.gaussian import Gaussian
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule, linear

MOST_STEPS = 5  # so many columns fit beside each other
NODES = 400
STAGES = (
    ("As it was", "−log p/q, factor by factor, from the end of the chain to the data."),
    ("Turned around", "Bayes' rule with x₀ for every t > 1. The step t = 1 stays as it is."),
    ("Cancelled", "Each inner q(xₛ | x₀) is there twice, once with + and once with −. Struck out."),
    ("Grouped", "What is left: one comparison of q with p per column, and no q in the last one."),
    ("Averaged", "The mean of each column over all paths from this x₀: two kinds of divergences, and L₀."),
)
Term = tuple[str, str, float]  # sign, words, value with its sign


class WhatCancels(Explorer):
    """stage: 0..4; T: 2..5 steps; draws: counts the demands for a new path.  Python may set all three."""

    _esm = script("what_cancels.js")

    stage = Int(0).tag(sync=True)
    T = Int(3).tag(sync=True)
    draws = Int(0).tag(sync=True)
    stages = Unicode().tag(sync=True)  # JSON, see `_stage`

    def __init__(self, mixture: GaussianMixture, generator: torch.Generator | None) -> None:
        self.mixture, self.generator = mixture, generator
        super().__init__()
        self._recompute()

    @validate("T", "stage")
    def _check(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        low, high = (2, MOST_STEPS) if name == "T" else (0, len(STAGES) - 1)
        if not low <= value <= high:
            raise RangeError(f"{name} = {value}: choose {low} to {high}")
        return int(value)

    @observe("T", "draws")
    def _recompute(self, _change: object = None) -> None:
        s = linear(self.T, 0.1, 0.6)
        factors = Factors(s, self.mixture, self.generator)
        columns = [factors.written(), factors.turned(), factors.turned(), factors.grouped(), factors.averaged()]
        struck = {f"q({x(k)} | {x(0)})" for k in range(1, self.T)}
        self.shown = [_stage(i, c, struck if i == 2 else set()) for i, c in enumerate(columns)]
        self.stages = json.dumps(self.shown)

    def picture(self) -> Figure:
        """The sum of each column at the present stage."""
        shown = self.shown[self.stage]
        words = "; ".join(f"{c['name']}: {' '.join(t['text'] for t in c['terms'])}" for c in shown["columns"])
        title = f"Factors of the bound, stage {self.stage + 1} of 5, {shown['title']}"
        alt = f"{title}: {words}. Sum {shown['total']:.3f} nats."
        heights = torch.tensor([c["sum"] for c in shown["columns"]])
        steps = torch.arange(self.T, -1, -1) + 1
        return plots.bars(
            steps, {"sum of the column": heights}, alt, x_label="t (the last bar: the end)", y_label="nats"
        )


def what_cancels(mixture: GaussianMixture | None = None, *, generator: torch.Generator | None = None) -> WhatCancels:
    """An explorer of the telescoping sum.  mixture: on the line, the default is `data.bumps()`."""
    return WhatCancels(on_the_line(mixture, data.bumps), generator)


class Factors:
    """Log densities along one path, for a model with the best noise prediction and variance beta_t."""

    def __init__(self, s: Schedule, mixture: GaussianMixture, generator: torch.Generator | None) -> None:
        self.s, self.mixture = s, mixture
        self.path = [mixture.sample(1, generator=generator)]
        for t in range(1, s.T + 1):
            self.path.append(q_step(s, self.path[-1], t).sample(generator=generator))

    def predict(self, x_t: Tensor, t: Tensor) -> Tensor:
        """E[eps | x_t]."""
        return self.mixture.eps(x_t, self.s.alpha_bar.sqrt()[t].to(x_t), self.s.noise_var.sqrt()[t].to(x_t))

    def prior(self) -> Term:
        end = self.path[-1]
        return minus(f"p({x(self.s.T)})", Gaussian(torch.zeros_like(end), torch.ones_like(end)).log_prob(end))

    def reverse(self, t: int) -> Term:
        x_t = self.path[t]
        p = p_reverse(self.s, self.predict(x_t, torch.tensor([t])), x_t, t)
        return minus(f"p({x(t - 1)} | {x(t)})", p.log_prob(self.path[t - 1]))

    def step(self, t: int) -> Term:
        words = f"q({x(t)} | {x(t - 1)})"
        return plus(words, q_step(self.s, self.path[t - 1], t).log_prob(self.path[t]))

    def jump(self, t: int) -> Term:
        return plus(f"q({x(t)} | {x(0)})", q_marginal(self.s, self.path[0], t).log_prob(self.path[t]))

    def posterior(self, t: int) -> Term:
        back = q_posterior(self.s, self.path[0], self.path[t], t)
        return plus(f"q({x(t - 1)} | {x(t)}, {x(0)})", back.log_prob(self.path[t - 1]))

    def written(self) -> list[list[Term]]:
        """The forward factors: the end, then t = T .. 1."""
        return [[self.prior()], *([self.step(t), self.reverse(t)] for t in range(self.s.T, 0, -1))]

    def turned(self) -> list[list[Term]]:
        """Every step but the first by Bayes' rule."""
        steps = [
            [self.posterior(t), self.reverse(t), self.jump(t), negative(self.jump(t - 1))]
            for t in range(self.s.T, 1, -1)
        ]
        return [[self.prior()], *steps, [self.step(1), self.reverse(1)]]

    def grouped(self) -> list[list[Term]]:
        """What is left, in its groups."""
        steps = [[self.posterior(t), self.reverse(t)] for t in range(self.s.T, 1, -1)]
        return [[self.jump(self.s.T), self.prior()], *steps, [self.reverse(1)]]

    def averaged(self) -> list[list[Term]]:
        """Expected value of each group over paths from this x_0, by quadrature over the noise."""
        z = torch.linspace(-9, 9, NODES, dtype=torch.float64)
        w = torch.exp(-0.5 * z**2)
        noise = z.reshape(1, NODES, 1).expand(self.s.T, NODES, 1)
        found = evaluate(self.predict, self.s, self.path[0].expand(NODES, 1), noise=noise)
        L_t = (w / w.sum()) @ found.L_t
        L_0 = float((w / w.sum()) @ found.L_0)
        middle: list[list[Term]] = [[("+", f"L{subscript(t - 1)}", float(L_t[t - 2]))] for t in range(self.s.T, 1, -1)]
        return [[("+", "L_T", float(found.L_T[0]))], *middle, [("+", f"L{subscript(0)}", L_0)]]


def _stage(index: int, columns: list[list[Term]], struck: set[str]) -> dict[str, Any]:
    """One stage as plain values: title, words, columns of terms, and the sum of everything."""
    T, out = len(columns) - 1, []
    for i, terms in enumerate(columns):
        rows = [
            {"sign": sign, "text": text, "value": round(value, 3), "struck": text in struck}
            for sign, text, value in terms
        ]
        name = "the end" if i == 0 else f"t = {T - i + 1}"
        out.append({"name": name, "terms": rows, "sum": sum(v for _, text, v in terms if text not in struck)})
    title, words = STAGES[index]
    return {"title": title, "words": words, "columns": out, "total": sum(c["sum"] for c in out)}


def plus(words: str, log_density: Tensor) -> Term:
    return "+", words, float(log_density)


def minus(words: str, log_density: Tensor) -> Term:
    return "−", words, -float(log_density)


def negative(term: Term) -> Term:
    return "−", term[1], -term[2]


def subscript(t: int) -> str:
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(t))


def x(t: int) -> str:
    return f"x{subscript(t)}"
