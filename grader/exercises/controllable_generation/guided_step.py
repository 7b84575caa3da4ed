"""One guided step: `guided_step`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import (
    FLOWS,
    WITHHOLDS,
    bars,
    criteria,
    random_beta,
    step_mean,
)


def guided_step(
    x_t: Tensor, eps: Tensor, grad: Tensor, s: float, t: int, noise: Tensor, beta: Tensor, sigma2: Tensor
) -> Tensor:
    """Equation (11.8), with the mean of lesson 05."""
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    mean = (x_t - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
    mean = mean + s * sigma2[t] * grad
    return mean + sigma2[t].sqrt() * noise if t > 1 else mean


def _step(x: Tensor, eps: Tensor, move: Tensor, t: int, noise: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    """The step without guidance, its mean moved."""
    mean = step_mean(x, eps, t, beta) + move
    return mean + sigma2[t].sqrt() * noise if t > 1 else mean


def _in_place(
    x: Tensor, eps: Tensor, grad: Tensor, s: float, t: int, noise: Tensor, beta: Tensor, sigma2: Tensor
) -> Tensor:
    value = guided_step(x, eps, grad, s, t, noise, beta, sigma2)
    with torch.no_grad():
        x.copy_(value)
    return value


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    beta, s, t = random_beta(d, T), d.uniform(1.5, 4), d.integer(3, T - 1)
    sigma2 = beta * (0.3 + 0.6 * torch.rand(len(beta), generator=d.generator, dtype=torch.float64))
    x, eps, grad, noise = (d.randn(3, 5) for _ in range(4))
    tables = (beta, sigma2)
    yield Case("a step in the middle", (x, eps, grad, s, t, noise, *tables))
    yield Case(
        "images, sigma^2 = beta",
        (*(d.randn(2, 1, 4, 4) for _ in range(3)), s, t, d.randn(2, 1, 4, 4), beta, beta.clone()),
    )
    yield Case("the last step, t = 1", (x, eps, grad, s, 1, noise, *tables), "edges")
    yield Case("t = 2", (x, eps, grad, s, 2, noise, *tables), "edges")
    yield Case("the first step, t = T", (x, eps, grad, s, T, noise, *tables), "edges")
    yield Case("strength 0", (x, eps, grad, 0.0, t, noise, *tables), "edges")
    yield Case("one example", (x[:1], eps[:1], grad[:1], s, t, noise[:1], *tables), "edges")
    yield Case("float32 stays float32", (x, eps, grad, s, t, noise, *tables), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, eps, grad, s, t, noise, *tables), "edges")
    yield Case("called twice", (x, eps, grad, s, t, noise, *tables), "clean", "twice")
    yield Case("gradient in x_t", (x, eps, grad, s, t, noise, *tables), "clean", "gradient", cotangent=d.randn(3, 5))


EXERCISE = Exercise(
    name="guidance.guided_step",
    prompt="Take one step of the guided sampler: move the mean of the reverse step along the classifier's gradient.",
    signature="guided_step(x_t (B, *D), eps (B, *D), grad (B, *D), s float, t int in 1..T, noise (B, *D), beta (T+1,), sigma2 (T+1,)) -> x_{t-1}",
    reference=guided_step,
    draw=_draw,
    criteria=criteria(
        2, 2, 1, at="t = 1, 2 and T, strength 0, one example, dtype, any memory layout", clean_text=FLOWS
    ),
    equation="11.8",
    difficulty=2,
    minutes=10,
    hints=(
        "The step of lesson 05, with its mean moved. By how much? A Gaussian times the exponential of a straight line is the "
        "same Gaussian at another place.",
        "mean + s sigma2_t grad + sqrt(sigma2_t) noise; at t = 1 without the noise (the mean is moved there too).",
        "mean = (x_t - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / (1 - beta[t]).sqrt() + s * sigma2[t] * grad; "
        "return mean + sigma2[t].sqrt() * noise if t > 1 else mean",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "deviation for variance",
            lambda x, e, g, s, t, n, b, s2: _step(x, e, s * s2[t].sqrt() * g, t, n, b, s2),
            "the mean moves by s sigma_t grad. The move is by the variance: s sigma_t^2 grad.",
        ),
        Misconception(
            "sign",
            lambda x, e, g, s, t, n, b, s2: _step(x, e, -s * s2[t] * g, t, n, b, s2),
            "the gradient is subtracted: that leads away from the class. From a noise it is subtracted, to a mean it is added.",
        ),
        Misconception(
            "moved by beta",
            lambda x, e, g, s, t, n, b, s2: _step(x, e, s * b[t] * g, t, n, b, s2),
            "the mean moves by s beta_t grad. That is right only if sigma_t^2 = beta_t; use the table sigma2.",
        ),
        Misconception(
            "moved without the variance",
            lambda x, e, g, s, t, n, b, s2: _step(x, e, s * g, t, n, b, s2),
            "the whole gradient is added. A step is short: multiply by its variance sigma_t^2.",
        ),
        Misconception(
            "moved before the division",
            lambda x, e, g, s, t, n, b, s2: _step(x, e, s * s2[t] * g / (1 - b[t]).sqrt(), t, n, b, s2),
            "the move is divided by sqrt(alpha_t) as well. It belongs to the mean, after that division.",
        ),
        Misconception(
            "noise at t = 1",
            lambda x, e, g, s, t, n, b, s2: step_mean(x, e, t, b) + s * s2[t] * g + s2[t].sqrt() * n,
            "the last step, t = 1, adds noise. Nothing removes it afterwards: return the mean.",
        ),
        Misconception(
            "not moved at t = 1",
            lambda x, e, g, s, t, n, b, s2: _step(x, e, (s if t > 1 else 0.0) * s2[t] * g, t, n, b, s2),
            "at t = 1 the mean is not moved. Only the noise is left out in the last step.",
        ),
        Misconception(
            "strength forgotten",
            lambda x, e, g, s, t, n, b, s2: _step(x, e, s2[t] * g, t, n, b, s2),
            "the strength s does not occur. With s = 1 this is Bayes' rule; here it is s times as strong.",
        ),
        Misconception(
            "alpha_bar in front",
            lambda x, e, g, s, t, n, b, s2: _step(
                x, e, step_mean(x, e, t, b) * ((1 - b[t]).sqrt() / bars(b)[t].sqrt() - 1) + s * s2[t] * g, t, n, b, s2
            ),
            "you divide by sqrt(alpha_bar_t), which undoes all steps at once. Divide by sqrt(alpha_t).",
        ),
        Misconception(
            "guided like a noise",
            lambda x, e, g, s, t, n, b, s2: _step(x, e - s * (1 - bars(b)[t]).sqrt() * g, 0 * x, t, n, b, s2),
            "this puts the guided noise (11.7) into the step: the mean then moves by s beta_t/sqrt(alpha_t) grad (11.9). It "
            "is a good sampler, too. Asked is the step (11.8), which moves by s sigma_t^2 grad.",
        ),
        Misconception(
            "changes x_t in place",
            _in_place,
            "the numbers are right, but x_t itself is changed. Build a new tensor.",
        ),
    ),
)
