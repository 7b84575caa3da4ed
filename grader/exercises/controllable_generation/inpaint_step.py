"""One step of inpainting by replacement: `inpaint_step`."""

from collections.abc import Callable, Iterator

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


def inpaint_step(
    x_t: Tensor, eps: Tensor, known: Tensor, mask: Tensor, t: int, noise: Tensor, z: Tensor, beta: Tensor
) -> Tensor:
    """Equation (11.21) with sigma_t^2 = beta_t."""
    alpha_bar = torch.cumprod(1 - beta, dim=0)
    mean = (x_t - beta[t] / (1 - alpha_bar[t]).sqrt() * eps) / (1 - beta[t]).sqrt()
    free = mean + beta[t].sqrt() * noise if t > 1 else mean
    fixed = alpha_bar[t - 1].sqrt() * known + (1 - alpha_bar[t - 1]).sqrt() * z
    return torch.where(mask, fixed, free)


def _free(x: Tensor, eps: Tensor, t: int, noise: Tensor, beta: Tensor) -> Tensor:
    mean = step_mean(x, eps, t, beta)
    return mean + beta[t].sqrt() * noise if t > 1 else mean


def _with(fixed: Callable[[Tensor, Tensor, int, Tensor, Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The step, with another known part: fixed(x_t, known, t, noise, z, alpha_bar)."""

    def wrong(
        x: Tensor, eps: Tensor, known: Tensor, mask: Tensor, t: int, noise: Tensor, z: Tensor, beta: Tensor
    ) -> Tensor:
        return torch.where(mask, fixed(x, known, t, noise, z, bars(beta)), _free(x, eps, t, noise, beta))

    return wrong


def _noise_at_1(
    x: Tensor, eps: Tensor, known: Tensor, mask: Tensor, t: int, noise: Tensor, z: Tensor, beta: Tensor
) -> Tensor:
    right = inpaint_step(x, eps, known, mask, t, noise, z, beta)
    return right if t > 1 else torch.where(mask, right, right + beta[t].sqrt() * noise)


def _in_place(
    x: Tensor, eps: Tensor, known: Tensor, mask: Tensor, t: int, noise: Tensor, z: Tensor, beta: Tensor
) -> Tensor:
    value = inpaint_step(x, eps, known, mask, t, noise, z, beta)
    with torch.no_grad():
        x.copy_(value)
    return value


def _draw(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    beta, t = random_beta(d, T), d.integer(3, T - 1)
    x, eps, known, noise, z = (d.randn(3, 6) for _ in range(5))
    mask = torch.tensor([True, False, True, False, False, True])[torch.randperm(6, generator=d.generator)]
    masks = torch.rand(2, 1, 4, 4, generator=d.generator) < 0.5
    masks[0, 0, 0, :2] = torch.tensor([True, False])
    images = [d.randn(2, 1, 4, 4) for _ in range(5)]
    yield Case("one mask for all", (x, eps, known, mask, t, noise, z, beta))
    yield Case("images, a mask for each", (*images[:3], masks, t, *images[3:], beta))
    yield Case("the last step, t = 1", (x, eps, known, mask, 1, noise, z, beta), "edges")
    yield Case("t = 2", (x, eps, known, mask, 2, noise, z, beta), "edges")
    yield Case("the first step, t = T", (x, eps, known, mask, T, noise, z, beta), "edges")
    yield Case("nothing known", (x, eps, known, torch.zeros(6, dtype=torch.bool), t, noise, z, beta), "edges")
    yield Case("everything known", (x, eps, known, torch.ones(6, dtype=torch.bool), t, noise, z, beta), "edges")
    yield Case("one example", (x[:1], eps[:1], known[:1], mask, t, noise[:1], z[:1], beta), "edges")
    yield Case("float32 stays float32", (x, eps, known, mask, t, noise, z, beta), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(6, 3).mT, eps, known, mask, t, noise, z, beta), "edges")
    yield Case("called twice", (x, eps, known, mask, t, noise, z, beta), "clean", "twice")
    yield Case(
        "gradient in x_t", (x, eps, known, mask, t, noise, z, beta), "clean", "gradient", cotangent=d.randn(3, 6)
    )


EXERCISE = Exercise(
    name="guidance.inpaint_step",
    prompt="Take one step of inpainting by replacement: where the mask is True the known image, noised; elsewhere the sampler.",
    signature="inpaint_step(x_t (B, *D), eps, known, mask bool, t int in 1..T, noise, z, beta (T+1,)) -> x_{t-1} (B, *D)",
    reference=inpaint_step,
    draw=_draw,
    criteria=criteria(
        2, 2, 1, at="t = 1, 2 and T, nothing or everything known, dtype, any memory layout", clean_text=FLOWS
    ),
    equation="11.21",
    difficulty=2,
    minutes=10,
    hints=(
        "Make both parts for the whole image, then choose pixel by pixel. The known part must have the noise level of the "
        "image that comes out, not of the one that goes in.",
        "fixed = sqrt(alpha_bar_{t-1}) known + sqrt(1 - alpha_bar_{t-1}) z; free = the DDPM step with sigma_t^2 = beta_t and "
        "noise (none at t = 1).",
        "return torch.where(mask, fixed, free)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "mask upside down",
            lambda x, e, k, m, t, n, z, b: inpaint_step(x, e, k, ~m, t, n, z, b),
            "the mask is read the wrong way round: True means known.",
        ),
        Misconception(
            "noise level t",
            _with(lambda x, k, t, n, z, ab: ab[t].sqrt() * k + (1 - ab[t]).sqrt() * z),
            "the known part has the noise of step t. The step ends at t - 1, and there both parts must have the same noise.",
        ),
        Misconception(
            "clean image pasted in",
            _with(lambda x, k, t, n, z, ab: k),
            "the known part is pasted in without noise. The network has never seen an image that is half clean.",
        ),
        Misconception(
            "shrunk, without noise",
            _with(lambda x, k, t, n, z, ab: ab[t - 1].sqrt() * k),
            "the known part is shrunk, but its noise is missing.",
        ),
        Misconception(
            "not shrunk",
            _with(lambda x, k, t, n, z, ab: k + (1 - ab[t - 1]).sqrt() * z),
            "the known part gets noise, but is not shrunk by sqrt(alpha_bar_{t-1}).",
        ),
        Misconception(
            "variance as standard deviation",
            _with(lambda x, k, t, n, z, ab: ab[t - 1].sqrt() * k + (1 - ab[t - 1]) * z),
            "the noise of the known part is multiplied by a variance. Take the root.",
        ),
        Misconception(
            "no root over alpha_bar",
            _with(lambda x, k, t, n, z, ab: ab[t - 1] * k + (1 - ab[t - 1]).sqrt() * z),
            "the known part is multiplied by alpha_bar. Its root belongs there.",
        ),
        Misconception(
            "one noise for both parts",
            _with(lambda x, k, t, n, z, ab: ab[t - 1].sqrt() * k + (1 - ab[t - 1]).sqrt() * n),
            "the known part uses the noise of the free part. z is its own.",
        ),
        Misconception(
            "known pixels left as they are",
            _with(lambda x, k, t, n, z, ab: x),
            "the known pixels of x_t are kept. They have the noise of step t, and the chain never sees the known image again.",
        ),
        Misconception(
            "noise at t = 1",
            _noise_at_1,
            "the free part gets noise at t = 1. The last step returns the mean.",
        ),
        Misconception(
            "changes x_t in place",
            _in_place,
            "the numbers are right, but x_t itself is changed. Build a new tensor.",
        ),
    ),
)
