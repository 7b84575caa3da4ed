"""All middle terms from errors in the noise: `weighted_sum`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS, criteria, random_alpha_bar


def weighted_sum(noise: Tensor, eps_hat: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
    """Equation (4.18) for one draw of the noise per t."""
    now, beta, errors, d = _parts(noise, eps_hat, alpha_bar)
    weight = beta**2 / (2 * sigma2[2:] * (1 - beta) * (1 - now))
    return (weight.unsqueeze(1) * errors + _constant(alpha_bar, sigma2, d)).sum(0)


def _parts(noise: Tensor, eps_hat: Tensor, alpha_bar: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    """alpha_bar_t and beta_t for t = 2..T, (T-1,); squared errors, (T-1, B); numbers per example."""
    now = alpha_bar[2:].to(noise)
    errors = ((noise - eps_hat)[2:] ** 2).flatten(2).sum(2)
    return now, 1 - now / alpha_bar[1:-1].to(noise), errors, noise[0, 0].numel()


def _constant(alpha_bar: Tensor, sigma2: Tensor, d: int) -> Tensor:
    """C_t for t = 2..T, (T-1, 1)."""
    now, before = alpha_bar[2:].to(sigma2), alpha_bar[1:-1].to(sigma2)
    r = (1 - before) / (1 - now) * (1 - now / before) / sigma2[2:]
    return (d / 2 * (r - 1 - torch.log(r))).unsqueeze(1)


Weight = Callable[[Tensor, Tensor, Tensor], Tensor]


def _weighted(weight: Weight, constant: float = 1.0) -> Callable[..., Tensor]:
    """A wrong function from its weight, made of alpha_bar_t, beta_t and sigma_t^2."""

    def wrong(noise: Tensor, eps_hat: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
        now, beta, errors, d = _parts(noise, eps_hat, alpha_bar)
        terms = weight(now, beta, sigma2[2:]).unsqueeze(1) * errors
        return (terms + constant * _constant(alpha_bar, sigma2, d)).sum(0)

    return wrong


def _right(now: Tensor, beta: Tensor, sigma2: Tensor) -> Tensor:
    return beta**2 / (2 * sigma2 * (1 - beta) * (1 - now))


def _one_beta(noise: Tensor, eps_hat: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
    mean = (1 - alpha_bar[1:] / alpha_bar[:-1]).mean().to(noise)
    return _weighted(lambda now, beta, s: mean**2 / (2 * s * (1 - beta) * (1 - now)))(noise, eps_hat, alpha_bar, sigma2)


def _not_squared(noise: Tensor, eps_hat: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
    now, beta, errors, d = _parts(noise, eps_hat, alpha_bar)
    terms = _right(now, beta, sigma2[2:]).unsqueeze(1) * errors.sqrt()
    return (terms + _constant(alpha_bar, sigma2, d)).sum(0)


def _from_one(noise: Tensor, eps_hat: Tensor, alpha_bar: Tensor, sigma2: Tensor) -> Tensor:
    beta, a = (1 - alpha_bar[1]).to(noise), alpha_bar[1].to(noise)
    first = beta**2 / (2 * sigma2[1] * a * beta) * ((noise - eps_hat)[1] ** 2).flatten(1).sum(1)
    return first + weighted_sum(noise, eps_hat, alpha_bar, sigma2)


def _draw(d: Draw) -> Iterator[Case]:
    def tables(T: int, *shape: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        alpha_bar = random_alpha_bar(d, T)
        noise, eps_hat = (d.randn(T + 1, *shape, dtype=torch.float64) for _ in range(2))
        beta = 1 - alpha_bar[1:] / alpha_bar[:-1]
        share = 0.4 + 0.5 * torch.rand(T, generator=d.generator, dtype=torch.float64)
        sigma2 = torch.cat([beta[:1] * 0, beta * share])
        return noise, eps_hat, alpha_bar, sigma2

    T = d.integer(4, 7)
    some = tables(T, 3, 5)
    yield Case("vectors", some)
    yield Case("images as wide as the batch is long", tables(T, 4, 1, 4, 4))
    yield Case("T = 2: one term", tables(2, 3, 5), "edges")
    yield Case("one example", tables(T, 1, 5), "edges")
    few = tables(T, 3, 5)
    yield Case("float32", (few[0].float(), few[1].float(), few[2], few[3].float()), "edges")
    cotangent = d.randn(3, dtype=torch.float64)
    yield Case("gradient in the prediction", some, "clean", "gradient", wrt=1, cotangent=cotangent)
    yield Case("called twice", some, "clean", "twice")


EXERCISE = Exercise(
    name="elbo.weighted_sum",
    prompt="Add up all middle terms of the bound from the errors of a noise prediction, one draw per t.",
    signature="weighted_sum(noise (T+1, B, *D), eps_hat (T+1, B, *D), alpha_bar (T+1,), sigma2 (T+1,)) -> (B,) nats; "
    "row t belongs to step t, rows 0 and 1 are not used",
    reference=weighted_sum,
    draw=_draw,
    criteria=criteria(3, 1, 1, at="T = 2, one example, float32"),
    equation="4.18",
    difficulty=4,
    minutes=20,
    hints=(
        "For each t = 2 .. T you need a weight, a squared error per example, and a constant. Then add over t.",
        "lambda_t = beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t)); C_t = d/2 (r - 1 - log r) with r = beta_tilde_t / sigma_t^2. "
        "beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}.",
        "now, before = alpha_bar[2:], alpha_bar[1:-1]; beta = 1 - now / before; errors = ((noise - eps_hat)[2:] ** 2)"
        ".flatten(2).sum(2); weight = beta**2 / (2 * sigma2[2:] * (1 - beta) * (1 - now)); add C_t, sum over t",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the sum lost",
            lambda noise, eps_hat, alpha_bar, sigma2: (
                weighted_sum(noise, eps_hat, alpha_bar, sigma2) / (len(alpha_bar) - 2)
            ),
            "you took the mean over t. That is what a training step estimates with one random t; the bound is the sum.",
        ),
        Misconception(
            "beta without index",
            _one_beta,
            "you used one beta for all steps. Each step has its own beta_t.",
        ),
        Misconception(
            "C forgotten",
            _weighted(_right, constant=0.0),
            "the constants C_t are missing. They do not change the gradient, but they are part of the bound unless "
            "sigma_t^2 = beta_tilde_t.",
        ),
        Misconception(
            "t = 1 counted too",
            _from_one,
            "the sum starts at t = 2. Step 1 is L_0, which is a term of another kind.",
        ),
        Misconception(
            "all weights 1",
            _weighted(lambda now, beta, s: torch.ones_like(now)),
            "the weights are missing: this is the simple loss plus constants, which is no bound.",
        ),
        Misconception(
            "beta not squared",
            _weighted(lambda now, beta, s: beta / (2 * s * (1 - beta) * (1 - now))),
            "beta_t is squared in the weight: the error is multiplied by beta_t, and then the distance is squared.",
        ),
        Misconception(
            "alpha_bar for alpha",
            _weighted(lambda now, beta, s: beta**2 / (2 * s * now * (1 - now))),
            "below the fraction line stands alpha_t, one step's share, not alpha_bar_t.",
        ),
        Misconception(
            "half forgotten",
            _weighted(lambda now, beta, s: 2 * _right(now, beta, s)),
            "the 2 below the fraction line is missing.",
        ),
        Misconception(
            "norm not squared",
            _not_squared,
            "the norm of the error is not squared.",
        ),
        Misconception(
            "mean over coordinates",
            lambda noise, eps_hat, alpha_bar, sigma2: (
                weighted_sum(noise, eps_hat, alpha_bar, sigma2) / noise[0, 0].numel()
            ),
            "you averaged over the coordinates. In a bound on log p they add up.",
        ),
    ),
)
