"""Where DDPM stands in the family: `eta_of`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import F64, WITHHOLDS, criteria, random_beta


def eta_of(beta: Tensor, sigma2: Tensor) -> Tensor:
    """Equation (10.8), read backwards."""
    bar = torch.cumprod(1 - beta, dim=0)
    beta_tilde = (1 - bar[1:-1]) / (1 - bar[2:]) * beta[2:]
    eta = torch.zeros_like(beta)
    eta[2:] = (sigma2[2:] / beta_tilde).sqrt()
    return eta


def beta_tilde(beta: Tensor) -> Tensor:
    """The variance of q(x_{t-1} | x_t, x_0), (T+1,)."""
    bar = torch.cumprod(1 - beta, 0)
    out = torch.zeros_like(beta)
    out[1:] = (1 - bar[:-1]) / (1 - bar[1:]) * beta[1:]
    return out


def _from(ratio: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """Zero at t = 0 and 1, and from t = 2 on what is given."""

    def wrong(beta: Tensor, sigma2: Tensor) -> Tensor:
        out = ratio(beta, sigma2)
        return torch.cat([torch.zeros(2, dtype=out.dtype), out[2:]])

    return wrong


def _shifted(beta: Tensor, sigma2: Tensor) -> Tensor:
    bar = torch.cumprod(1 - beta, 0)
    later = torch.cat([bar[1:], bar[-1:] * 0.5])
    return (sigma2 / ((1 - bar) / (1 - later) * beta)).sqrt()


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 10)
    beta = random_beta(d, T)
    share = 0.2 + 0.7 * torch.rand(T + 1, generator=d.generator, dtype=F64)
    yield Case("a table of variances", (beta, share * beta))
    yield Case("sigma^2 = beta", (beta, beta.clone()))
    yield Case("sigma^2 = beta_tilde", (beta, beta_tilde(beta)), "edges")
    yield Case("no noise", (beta, 0 * beta), "edges")
    yield Case("two steps", (beta[:3], share[:3] * beta[:3]), "edges")
    yield Case("float64 stays float64", (beta, share * beta), "edges", strict_dtype=True)
    yield Case("called twice", (beta, share * beta), "edges", "twice")


EXERCISE = Exercise(
    name="fast.eta_of",
    prompt="For which eta has the step from t to t-1 the variance sigma2[t] of a DDPM sampler?",
    signature="eta_of(beta (T+1,), sigma2 (T+1,)) -> (T+1,) float64, zero at t = 0 and 1",
    reference=eta_of,
    draw=_draw,
    criteria=criteria(3, 1, at="beta_tilde, no noise, T = 2, inputs untouched"),
    equation="10.8",
    difficulty=3,
    minutes=12,
    hints=(
        "At eta = 1 the variance is beta_tilde. And sigma is proportional to eta.",
        "eta_t = sqrt(sigma2_t / beta_tilde_t) with beta_tilde_t = (1 - alpha_bar_{t-1})/(1 - alpha_bar_t) beta_t, for t >= 2.",
        "bar = torch.cumprod(1 - beta, 0); eta[2:] = (sigma2[2:] / ((1 - bar[1:-1]) / (1 - bar[2:]) * beta[2:])).sqrt()",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "root missing",
            _from(lambda b, s2: s2 / beta_tilde(b)),
            "this is eta squared. eta scales standard deviations, the tables hold variances: take the root.",
        ),
        Misconception(
            "upside down",
            _from(lambda b, s2: (beta_tilde(b) / s2).sqrt()),
            "the ratio is upside down: more noise means a larger eta.",
        ),
        Misconception(
            "compared with beta",
            _from(lambda b, s2: (s2 / b).sqrt()),
            "sigma^2 is compared with beta_t. At eta = 1 the family has the variance beta_tilde_t.",
        ),
        Misconception(
            "ratio of variances upside down",
            _from(lambda b, s2: (s2 / (b**2 / beta_tilde(b))).sqrt()),
            "beta_tilde_t is beta_t times (1 - alpha_bar_{t-1})/(1 - alpha_bar_t), which is below 1; you used its inverse.",
        ),
        Misconception(
            "alpha without bar",
            _from(lambda b, s2: (s2 / (torch.cat([b[:1], b[:-1]]) / b * b)).sqrt()),
            "1 - alpha_t stands where 1 - alpha_bar_t belongs: the noise of one step instead of all the noise so far.",
        ),
        Misconception(
            "one step late",
            _from(_shifted),
            "the ratio is that of t and t+1. The step goes from t down to t - 1.",
        ),
        Misconception(
            "infinite at t = 1",
            lambda b, s2: torch.cat([torch.zeros(1, dtype=s2.dtype), (s2[1:] / beta_tilde(b)[1:]).sqrt()]),
            "at t = 1 you divide by beta_tilde_1 = 0. No member of the family adds noise there: the entry is 0.",
        ),
        Misconception(
            "always one",
            _from(lambda b, s2: torch.ones_like(b)),
            "eta = 1 is right only for the variance beta_tilde. With sigma^2 = beta it is a little more.",
        ),
    ),
)
