"""Claims about the losses as functions of the code under test, for the tests and for the planted mistakes.

Expectations are integrals on grids (see elbo_claims), so nothing in this file is random.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit import schedule
from tests.elbo_claims import F64, MIX, mixture_nodes, normal_nodes

Loss = Callable[..., Tensor]
LEVELS = [(1.0, 0.5), (0.8, 0.6), (0.3, 0.95)]  # (alpha, sigma)


def wrong_scores() -> list[Callable[[Tensor], Tensor]]:
    """Scores of no density in particular: the claims hold for every function."""
    return [lambda x: -x, lambda x: torch.sin(2 * x) - 0.3 * x**2, lambda x: 0.1 * x + 0.7]


def noisy_pairs(n: int = 200) -> tuple[Tensor, Tensor, Tensor]:
    """Data (m, 1), noise (m, 1) and weights (m,) for expectations over both."""
    (x_0, w_data), (z, w) = mixture_nodes(MIX, n), normal_nodes(n)
    return (
        x_0.repeat_interleave(n, 0),
        z.repeat(len(x_0)).unsqueeze(1),
        torch.outer(w_data, w).flatten(),
    )


def true_score(alpha: float, sigma: float, shift: float = 0.0) -> Callable[[Tensor], Tensor]:
    """The score of the noisy mixture, moved by a constant if asked for."""
    # As float64 tensors: a Python float may be rounded to float32 on its way.
    level = torch.tensor(alpha, dtype=F64), torch.tensor(sigma, dtype=F64)
    return lambda x: MIX.score(x, *level) + shift


def floor(alpha: float, sigma: float) -> Tensor:
    """What denoising score matching cannot go below, for D = 1: 1/2 (1/sigma^2 - E||grad log p||^2)."""
    x, w = mixture_nodes(MIX.noised(alpha, sigma), 200)
    return 0.5 * (1 / sigma**2 - (w * true_score(alpha, sigma)(x)[:, 0] ** 2).sum())


def mean_denoising(denoising: Loss, score: Callable[[Tensor], Tensor], alpha: float, sigma: float) -> Tensor:
    """The denoising loss with its expectation over data and noise integrated."""
    x_0, noise, w = noisy_pairs()
    return (w * denoising(score, x_0, sigma, alpha=alpha, noise=noise)).sum()


def claim_denoising_is_explicit_plus_its_floor(denoising: Loss, explicit: Loss) -> None:
    """E[denoising] - E[explicit on the noisy density] is the floor, whatever the score."""
    for level in LEVELS:
        x, w = mixture_nodes(MIX.noised(*level), 200)
        for score in wrong_scores():
            left = mean_denoising(denoising, score, *level)
            right = (w * explicit(score, true_score(*level), x)).sum()
            torch.testing.assert_close(left - right, floor(*level), rtol=1e-9, atol=0)


def claim_denoising_ends_at_its_floor(denoising: Loss) -> None:
    """The true score gets the floor, which is above 0, and a little away from it the loss is larger."""
    for level in LEVELS:
        best = mean_denoising(denoising, true_score(*level), *level)
        torch.testing.assert_close(best, floor(*level), rtol=1e-9, atol=0)
        assert float(best) > 0
        moved = mean_denoising(denoising, true_score(*level, shift=0.1), *level)
        torch.testing.assert_close(moved - best, torch.tensor(0.005, dtype=F64), rtol=1e-6, atol=0)


def claim_a_right_model_has_loss_zero(denoising: Loss) -> None:
    """What many expect of a right model.  It is false for denoising score matching: here to be refuted."""
    for level in LEVELS:
        best = mean_denoising(denoising, true_score(*level), *level)
        torch.testing.assert_close(best, torch.zeros((), dtype=F64), rtol=0, atol=1e-6)


def claim_simple_is_a_squared_error_that_teaches(simple: Loss) -> None:
    """Per example the squared norm of the error, never negative; its gradient is that of the squared norm."""
    s, g = schedule.linear(10, 0.05, 0.5), torch.Generator().manual_seed(0)
    x_0, noise = torch.randn(2, 4, 3, 2, generator=g, dtype=F64)
    t = torch.tensor([1, 4, 10, 7])
    scale = torch.tensor(0.8, dtype=F64, requires_grad=True)
    loss = simple(lambda x, t: scale * x, s, x_0, t, noise=noise)
    a, sd = s.alpha_bar[t].sqrt().reshape(4, 1, 1), s.noise_var[t].sqrt().reshape(4, 1, 1)
    x_t = a * x_0 + sd * noise
    expected = ((0.8 * x_t - noise) ** 2).sum((1, 2))
    torch.testing.assert_close(loss.detach(), expected, rtol=1e-9, atol=0)
    assert loss.requires_grad
    (slope,) = torch.autograd.grad(loss.sum(), scale)
    torch.testing.assert_close(slope, (2 * (0.8 * x_t - noise) * x_t).sum(), rtol=1e-9, atol=0)


def claim_each_example_gets_its_own_noise(simple: Loss) -> None:
    """Equal examples at equal levels differ by their noise alone, so no two losses agree."""
    s, x_0 = schedule.linear(10, 0.05, 0.5), torch.zeros(64, 2, dtype=F64)
    loss = simple(lambda x, t: 0 * x, s, x_0, 5, generator=torch.Generator().manual_seed(0))
    assert len(loss.unique()) == 64


def claim_implicit_teaches_through_its_trace(implicit: Loss) -> None:
    """For s(x) = -k x the loss is (k x)^2/2 - k D and its slope in k is k x^2 - D, half of it the trace's."""
    x = torch.randn(5, 3, dtype=F64, generator=torch.Generator().manual_seed(0))
    k = torch.tensor(1.7, dtype=F64, requires_grad=True)
    loss = implicit(lambda x: -k * x, x)
    torch.testing.assert_close(loss.detach(), 1.7**2 * (x**2).sum(1) / 2 - 1.7 * 3, rtol=1e-9, atol=0)
    (slope,) = torch.autograd.grad(loss.sum(), k)
    torch.testing.assert_close(slope, (1.7 * (x**2).sum(1) - 3).sum(), rtol=1e-9, atol=0)


def multilevel_noise(levels: int) -> tuple[Tensor, Tensor]:
    """Data and noise for the losses that look at every level."""
    g = torch.Generator().manual_seed(0)
    return MIX.sample(6, generator=g), torch.randn(levels, 6, 1, generator=g, dtype=F64)
