"""What a choice of sigma costs in the bound: `sigma_gap`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.ddpm.common import WITHHOLDS, bars, criteria, random_beta, random_variance


def sigma_gap(beta: Tensor, sigma2: Tensor, var_0: float) -> Tensor:
    """Equation (5.27)."""
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    var = alpha_bar * var_0 + 1 - alpha_bar
    ratio = beta[1:] * var[:-1] / (var[1:] * sigma2[1:])
    gap = torch.zeros_like(beta)
    gap[1:] = (ratio - 1 - torch.log(ratio)) / 2
    return gap


def _ratio(beta: Tensor, sigma2: Tensor, var_0: float) -> Tensor:
    var = bars(beta) * var_0 + 1 - bars(beta)
    return beta[1:] * var[:-1] / (var[1:] * sigma2[1:])


def _gap(ratio: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1).to(ratio), (ratio - 1 - torch.log(ratio)) / 2])


def _upside_down(beta: Tensor, var_0: float) -> Tensor:
    """Var[x_t] / Var[x_{t-1}] where the inverse belongs, as a factor on the right ratio."""
    var = bars(beta) * var_0 + 1 - bars(beta)
    return (var[1:] / var[:-1]) ** 2


def _unmixed(beta: Tensor, sigma2: Tensor, var_0: float) -> Tensor:
    """With alpha_bar_t var_0, the data's part alone, for the variance of x_t."""
    var = bars(beta) * var_0
    return beta[1:] * var[:-1] / (var[1:] * sigma2[1:])


def _no_entry_0(beta: Tensor, sigma2: Tensor, var_0: float) -> Tensor:
    return sigma_gap(beta, sigma2, var_0)[1:]


def _draw(d: Draw) -> Iterator[Case]:
    beta = random_beta(d, d.integer(6, 12))
    yield Case("some variances", (beta, random_variance(d, beta), d.uniform(0.3, 0.8)))
    yield Case("sigma^2 = beta", (beta, beta.clone(), d.uniform(1.5, 3.0)))
    yield Case("small steps", (random_beta(d, 30, 0.002, 0.05), 0.03 * torch.ones(31).double(), d.uniform(0.3, 0.8)))
    yield Case("data of variance 1", (beta, random_variance(d, beta), 1.0), "edges")
    single = random_beta(d, 1)
    yield Case("a single step, T = 1", (single, random_variance(d, single), d.uniform(0.3, 2.0)), "edges")
    yield Case("called twice", (beta, random_variance(d, beta), d.uniform(0.3, 0.8)), "edges", "twice")


EXERCISE = Exercise(
    name="ddpm.sigma_gap",
    prompt="For Gaussian data and the best predictor: how many nats does each reverse step lose to a wrong variance?",
    signature="sigma_gap(beta (T+1,), sigma2 (T+1,), var_0 float, the variance of the data) -> (T+1,) nats per coordinate, entry 0 is 0",
    reference=sigma_gap,
    draw=_draw,
    criteria=criteria(3, 1, at="variance 1, T = 1, inputs untouched"),
    equation="5.27",
    difficulty=4,
    minutes=20,
    hints=(
        "Two Gaussians with the same mean. Only the ratio of their variances matters: the true one over the one that we chose.",
        "rho_t = beta_t Var[x_{t-1}] / (Var[x_t] sigma_t^2) with Var[x_t] = alpha_bar_t var_0 + 1 - alpha_bar_t; "
        "gap = (rho - 1 - log rho) / 2.",
        "rho = beta[1:] * var[:-1] / (var[1:] * sigma2[1:]); gap[1:] = (rho - 1 - torch.log(rho)) / 2",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "divergence the other way",
            lambda b, s2, v: _gap(1 / _ratio(b, s2, v)),
            "this is KL(p || q). The bound has KL(q || p): the true variance over the chosen one.",
        ),
        Misconception(
            "half forgotten",
            lambda b, s2, v: 2 * sigma_gap(b, s2, v),
            "the factor 1/2 of the divergence of two Gaussians is missing.",
        ),
        Misconception(
            "logarithm forgotten",
            lambda b, s2, v: torch.cat([torch.zeros(1).to(b), (_ratio(b, s2, v) - 1) / 2]),
            "the term -log rho is missing. Without it the gap would be negative where the chosen variance is too large.",
        ),
        Misconception(
            "logarithm of the deviation",
            lambda b, s2, v: torch.cat(
                [torch.zeros(1).to(b), (_ratio(b, s2, v) - 1 - torch.log(_ratio(b, s2, v)) / 2) / 2]
            ),
            "the logarithm is halved once too often: it is log of the ratio of variances, and the 1/2 in front serves all.",
        ),
        Misconception(
            "beta as the true variance",
            lambda b, s2, v: _gap(b[1:] / s2[1:]),
            "you take beta_t for the true variance of the reverse step. That holds for data of variance 1 only.",
        ),
        Misconception(
            "variances exchanged",
            lambda b, s2, v: _gap(_ratio(b, s2, v) * _upside_down(b, v)),
            "Var[x_t] and Var[x_{t-1}] are exchanged in the ratio.",
        ),
        Misconception(
            "noise forgotten",
            lambda b, s2, v: _gap(_unmixed(b, s2, v)),
            "the variance of x_t has two parts: alpha_bar_t var_0 and 1 - alpha_bar_t. The second is missing.",
        ),
        Misconception(
            "summed up",
            lambda b, s2, v: sigma_gap(b, s2, v).sum(),
            "you return the sum. Return the table, entry t for step t: it shows where the loss is.",
        ),
        Misconception(
            "T entries",
            _no_entry_0,
            "the table has T entries. Keep entry 0 (it is 0), so that entry t belongs to step t.",
        ),
        Misconception(
            "sigma2 squared",
            lambda b, s2, v: _gap(_ratio(b, s2**2, v)),
            "sigma2 is already the variance sigma_t^2: do not square it.",
        ),
    ),
)
