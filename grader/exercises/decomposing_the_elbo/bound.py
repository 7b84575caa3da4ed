"""All terms together: `bound`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception, Served
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria, log_normal, random_alpha_bar
from grader.exercises.decomposing_the_elbo.data_term import L_0
from grader.exercises.decomposing_the_elbo.kl_isotropic import kl_isotropic
from grader.exercises.decomposing_the_elbo.posterior_q import posterior_q
from grader.exercises.decomposing_the_elbo.prior_term import L_T

Predict = Callable[[Tensor, int], Tensor]
BINS = 17


def bound(predict: Predict, x_0: Tensor, noise: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
    """Equation (4.9), one draw of the noise per t, for pixels of 17 values."""
    return torch.stack(_terms(predict, x_0, noise, alpha_bar, sigma2)).sum(0)


def _terms(
    predict: Predict, x_0: Tensor, noise: Tensor, alpha_bar: Tensor, sigma2: Tensor, *, density: bool = False
) -> list[Tensor]:
    """L_0, L_1, .., L_{T-1}, L_T, each (B,)."""
    terms = []
    for t in range(1, len(alpha_bar)):
        x_t = alpha_bar[t].sqrt() * x_0 + (1 - alpha_bar[t]).sqrt() * noise[t]
        mean = _mean(predict(x_t, t), x_t, t, alpha_bar)
        if t == 1:
            terms.append(-log_normal(x_0, mean, sigma2[1]) if density else L_0(x_0, mean, float(sigma2[1]), BINS))
        else:
            steps = torch.full((len(x_0),), t)
            terms.append(kl_isotropic(*posterior_q(x_0, x_t, steps, alpha_bar), mean, sigma2[t].expand(len(x_0))))
    return [*terms, L_T(x_0, alpha_bar)]


def _mean(eps: Tensor, x_t: Tensor, t: int, alpha_bar: Tensor) -> Tensor:
    """Equation (4.17)."""
    alpha = alpha_bar[t] / alpha_bar[t - 1]
    return (x_t - (1 - alpha) / (1 - alpha_bar[t]).sqrt() * eps) / alpha.sqrt()


def _of_terms(rule: Callable[[list[Tensor]], Tensor]) -> Callable[..., Tensor]:
    return lambda predict, x_0, noise, alpha_bar, sigma2: rule(_terms(predict, x_0, noise, alpha_bar, sigma2))


def _added(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).sum(0)


def _like_the_others(predict: Predict, x_0: Tensor, noise: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
    x_1 = alpha_bar[1].sqrt() * x_0 + (1 - alpha_bar[1]).sqrt() * noise[1]
    steps = torch.ones(len(x_0), dtype=torch.long)
    q = posterior_q(x_0, x_1, steps, alpha_bar)
    first = kl_isotropic(*q, _mean(predict(x_1, 1), x_1, 1, alpha_bar), sigma2[1].expand(len(x_0)))
    return first + _added(_terms(predict, x_0, noise, alpha_bar, sigma2)[1:])


def _density(predict: Predict, x_0: Tensor, noise: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
    return _added(_terms(predict, x_0, noise, alpha_bar, sigma2, density=True))


def _walk(predict: Predict, x_0: Tensor, noise: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
    """x_t by a walk whose noises are those of the jumps: a different draw, and no longer one per t."""
    walk, x = noise.clone(), x_0
    for t in range(1, len(alpha_bar)):
        alpha = alpha_bar[t] / alpha_bar[t - 1]
        x = alpha.sqrt() * x + (1 - alpha).sqrt() * noise[t]
        walk[t] = (x - alpha_bar[t].sqrt() * x_0) / (1 - alpha_bar[t]).sqrt()
    return bound(predict, x_0, walk, alpha_bar, sigma2)


def _draw(d: Draw) -> Iterator[Case]:
    slope, shift = d.uniform(0.3, 0.8), d.uniform(-0.3, 0.3)
    predict = Served(lambda x, t: slope * x + shift / (1 + t))

    def inputs(T: int, *shape: int) -> tuple[Served, Tensor, Tensor, Tensor, Tensor]:
        alpha_bar = random_alpha_bar(d, T)
        k = torch.randint(0, BINS, shape, generator=d.generator)
        beta = torch.cat([alpha_bar[:1] * 0, 1 - alpha_bar[1:] / alpha_bar[:-1]])
        x_0, noise = 2 * k.double() / (BINS - 1) - 1, d.randn(T + 1, *shape, dtype=torch.float64)
        return predict, x_0, noise, alpha_bar, beta * d.uniform(0.6, 1.0)

    T = d.integer(3, 5)
    yield Case("vectors", inputs(T, 3, 5))
    yield Case("images", inputs(T, 4, 1, 4, 4))
    yield Case("T = 1: no middle term", inputs(1, 3, 5), "edges")
    yield Case("one example", inputs(T, 1, 5), "edges")
    yield Case("called twice", inputs(T, 2, 5), "edges", "twice")
    yield Case("one question per step", inputs(4, 2, 5), "calls", max_calls=4)


EXERCISE = Exercise(
    name="elbo.bound",
    prompt="Put the bound together, in nats per example: L_T, all middle terms, and L_0 for pixels of 17 values.",
    signature="bound(predict: (x_t (B, *D), t int) -> eps_hat (B, *D), x_0 (B, *D), noise (T+1, B, *D), "
    "alpha_bar (T+1,), sigma2 (T+1,)) -> (B,) nats; noise[t] makes x_t by a jump",
    reference=bound,
    draw=_draw,
    criteria=(
        *criteria(3, 1, at="T = 1, one example, inputs untouched"),
        Criterion("calls", 1, "one call of predict per step"),
    ),
    equation="4.9",
    difficulty=4,
    minutes=20,
    hints=(
        "A loop over t = 1 .. T. In each round: make x_t by a jump, ask for the noise, turn it into the mean of p. Then "
        "t = 1 and t > 1 part ways. What does not need the model at all?",
        "mean = (x_t - beta_t / sqrt(1 - alpha_bar_t) eps_hat) / sqrt(alpha_t). For t = 1: L_0(x_0, mean, sigma2[1], 17); "
        "for t > 1: L_t(x_0, x_t, t, mean, sigma2[t], alpha_bar). Add L_T(x_0, alpha_bar) once.",
        "total = L_T(x_0, alpha_bar); for t in range(1, len(alpha_bar)): .. total = total + "
        "(L_0(x_0, mean, float(sigma2[1]), 17) if t == 1 else L_t(x_0, x_t, steps, mean, sigma2[t].expand(B), alpha_bar))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "L_T left out",
            _of_terms(lambda terms: _added(terms[:-1])),
            "L_T is missing. Nothing can be learned in it, but it is part of the bound: the start is not quite the prior.",
        ),
        Misconception(
            "L_0 left out",
            _of_terms(lambda terms: _added(terms[1:])),
            "L_0 is missing: the last step, from x_1 to the data.",
        ),
        Misconception(
            "t = 1 like the others",
            _like_the_others,
            "t = 1 is treated like the other steps. There q is a point with variance 0, and its divergence from any density "
            "is infinite. The last step is L_0 instead.",
        ),
        Misconception(
            "L_0 as a density",
            _density,
            "L_0 is taken as a density. Pixels are whole numbers: use the probability of their intervals.",
        ),
        Misconception(
            "mean over t",
            _of_terms(lambda terms: _added(terms) / len(terms)),
            "you took the mean over the terms. The bound is their sum.",
        ),
        Misconception(
            "the bound itself",
            _of_terms(lambda terms: -_added(terms)),
            "the sign is turned: this is the lower bound on log p. Asked for is the upper bound on -log p, the sum of the terms.",
        ),
        Misconception(
            "L_T counted at every step",
            _of_terms(lambda terms: _added(terms) + (len(terms) - 2) * terms[-1]),
            "L_T is added in every round of the loop. It belongs to the end of the chain and is there once.",
        ),
        Misconception(
            "x_t by a walk",
            _walk,
            "you walked from x_{t-1} to x_t with noise[t]. Here noise[t] belongs to a jump from x_0, so that every term is "
            "estimated by itself.",
        ),
    ),
)
