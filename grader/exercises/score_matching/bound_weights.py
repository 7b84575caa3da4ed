"""The weights that turn score matching into the bound: `bound_weights`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.score_matching.common import WITHHOLDS, criteria


def bound_weights(beta: Tensor, sigma2: Tensor) -> Tensor:
    """The weight on the right side of equation (6.35), 0 at t = 0."""
    return _filled(lambda b, v, ab: b**2 / (v * (1 - b)), beta, sigma2)


def _filled(rule: Callable[[Tensor, Tensor, Tensor], Tensor], beta: Tensor, sigma2: Tensor) -> Tensor:
    """rule(beta_t, sigma_t^2, alpha_bar_t) for t = 1 .. T behind a 0."""
    alpha_bar = torch.cumprod(1 - beta, 0)
    return torch.cat([torch.zeros_like(beta[:1]), rule(beta[1:], sigma2[1:], alpha_bar[1:])])


def _wrong(rule: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda beta, sigma2: _filled(rule, beta, sigma2)


def _draw_weights(d: Draw) -> Iterator[Case]:
    def tables(T: int) -> tuple[Tensor, Tensor]:
        zero = torch.zeros(1, dtype=torch.float64)
        beta, share = (torch.rand(T, generator=d.generator, dtype=torch.float64) for _ in range(2))
        beta = 0.02 + 0.4 * beta
        return torch.cat([zero, beta]), torch.cat([zero, (0.4 + 0.6 * share) * beta])

    beta, sigma2 = tables(d.integer(5, 9))
    yield Case("any variances of the reverse step", (beta, sigma2))
    yield Case("a long table", tables(60))
    yield Case("sigma_t^2 = beta_t", (beta, beta.clone()), "edges")
    yield Case("a single step, T = 1", tables(1), "edges")
    yield Case("called twice", (beta, sigma2), "edges", "twice")


EXERCISE = Exercise(
    name="score.bound_weights",
    prompt="The weight of each level's denoising loss with which their sum becomes the bound of lesson 04.",
    signature="bound_weights(beta (T+1,), sigma2 (T+1,)) -> (T+1,), 0 at t = 0",
    reference=bound_weights,
    draw=_draw_weights,
    criteria=criteria(3, 1, at="sigma_t^2 = beta_t, T = 1, inputs untouched"),
    equation="6.35",
    difficulty=3,
    minutes=12,
    level="stretch",
    hints=(
        "Start from the weight of ||eps - eps_hat||^2 in the bound, and write that square with the scores.",
        "||eps - eps_hat||^2 = (1 - alpha_bar_t) ||s + eps / sqrt(1 - alpha_bar_t)||^2. The factor 1 - alpha_bar_t cancels, "
        "and the 1/2 goes into the denoising loss: beta_t^2 / (sigma_t^2 alpha_t) is left. Entry 0 is 0/0: set it to 0.",
        "w = torch.zeros_like(beta); w[1:] = beta[1:]**2 / (sigma2[1:] * (1 - beta[1:])); return w",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "weight of the noise",
            _wrong(lambda b, v, ab: b**2 / (2 * v * (1 - b) * (1 - ab))),
            "this is lambda_t, the weight of ||eps - eps_hat||^2. Here the weight of the denoising score matching loss is asked for.",
        ),
        Misconception(
            "half kept",
            _wrong(lambda b, v, ab: b**2 / (2 * v * (1 - b))),
            "the 1/2 is counted twice: the denoising loss holds it already.",
        ),
        Misconception(
            "noise variance kept",
            _wrong(lambda b, v, ab: b**2 / (v * (1 - b) * (1 - ab))),
            "1 - alpha_bar_t must cancel: the squared error of the noise is 1 - alpha_bar_t times that of the score.",
        ),
        Misconception(
            "alpha_bar for alpha",
            _wrong(lambda b, v, ab: b**2 / (v * ab)),
            "below the line stands alpha_t = 1 - beta_t of this step, not the product alpha_bar_t.",
        ),
        Misconception(
            "beta not squared",
            _wrong(lambda b, v, ab: b / (v * (1 - b))),
            "beta_t must be squared: it is the factor of the noise in the mean, and the means are compared in square.",
        ),
        Misconception(
            "alpha forgotten",
            _wrong(lambda b, v, ab: b**2 / v),
            "alpha_t is missing below the line: the mean of the reverse step is divided by sqrt(alpha_t).",
        ),
        Misconception(
            "standard deviation below",
            _wrong(lambda b, v, ab: b**2 / (v.sqrt() * (1 - b))),
            "sigma2 holds variances, and the bound divides by the variance. No square root.",
        ),
        Misconception(
            "weight of the simple loss",
            _wrong(lambda b, v, ab: 1 - ab),
            "1 - alpha_bar_t is the weight that gives the simple loss. The bound has another one.",
        ),
        Misconception(
            "undefined at t = 0",
            lambda b, v: b**2 / (v * (1 - b)),
            "right for t = 1 .. T, but entry 0 is 0/0 = nan, and a nan spoils every sum. Set it to 0.",
        ),
    ),
)
