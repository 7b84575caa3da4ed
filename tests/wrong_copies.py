"""Second, plain implementations of the bound and of two losses, with one switch per mistake that people make.

Without a switch each passes the claims that the library passes; `test_traps_elbo` shows that each switch is
refused.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.elbo import Elbo
from diffkit.parameterize import Predictor
from diffkit.schedule import Schedule
from tests.elbo_claims import log_normal
from tests.loss_claims import true_score


class LoopEvaluate:
    """`elbo.evaluate` as a loop over t.  Each mistake is a sentence that is looked for below."""

    def __init__(self, *mistakes: str) -> None:
        self.mistakes = mistakes

    def __call__(
        self,
        predictor: Predictor,
        s: Schedule,
        x_0: Tensor,
        *,
        noise: Tensor,
        sigma: str = "beta",
        data: str = "continuous",
        bins: int = 256,
    ) -> Elbo:
        bar, before = s.alpha_bar, self.previous(s.alpha_bar)
        tilde = (1 - before) / (1 - bar).clamp(min=1e-300) * s.beta
        var = self.variance(sigma, s.beta, tilde)
        L_t, L_0 = [], torch.zeros(len(x_0), dtype=x_0.dtype)
        for t in range(1, s.T + 1):
            x_t = self.noisy(s, x_0, t, noise[t - 1])
            guess = (x_t - (1 - bar[t]).sqrt() * predictor(x_t, torch.full((len(x_0),), t))) / bar[t].sqrt()
            a = before[t].sqrt() * s.beta[t] / (1 - bar[t])
            b = s.alpha[t].sqrt() * (1 - before[t]) / (1 - bar[t])
            mean_q, mean_p = a * x_0 + b * x_t, a * guess + b * x_t
            if t > 1:
                L_t.append(self.middle(mean_q, tilde[t], mean_p, var[t]))
            elif "t = 1 like the others" in self.mistakes:
                L_0 = self.middle(mean_q, tilde[t].clamp(min=1e-20), mean_p, var[t])
            elif "t = 1 left out" not in self.mistakes:
                L_0 = self.last(x_0, mean_p, var[t], data, bins)
        if "one level t for the sum" in self.mistakes:
            L_t = [term / len(L_t) for term in L_t]
        return Elbo(self.prior(bar, x_0), torch.stack(L_t, 1), L_0)

    def over(self, x: Tensor) -> Tensor:
        return x.flatten(1).mean(1) if "mean over dimensions" in self.mistakes else x.flatten(1).sum(1)

    def previous(self, bar: Tensor) -> Tensor:
        """alpha_bar_{t-1} at index t."""
        if "alpha_bar_0 is alpha_bar_1" in self.mistakes:
            return torch.cat([bar[:1], bar[1:2], bar[1:-1]])
        if "padded at the wrong end" in self.mistakes:
            return torch.cat([bar[1:], bar[-1:] * 0])
        return torch.cat([bar[:1], bar[:-1]])

    def variance(self, sigma: str, beta: Tensor, tilde: Tensor) -> Tensor:
        clipped = torch.cat([tilde[:1], tilde[2:3], tilde[2:]])
        if "beta_tilde whatever was asked" in self.mistakes:
            return clipped
        wants_tilde = (sigma == "beta_tilde") != ("beta and beta_tilde exchanged" in self.mistakes)
        return clipped if wants_tilde else beta

    def noisy(self, s: Schedule, x_0: Tensor, t: int, noise: Tensor) -> Tensor:
        if "x_t drawn from q(x_t | x_{t-1} = x_0)" in self.mistakes:
            return s.alpha[t].sqrt() * x_0 + s.beta[t].sqrt() * noise
        return s.alpha_bar[t].sqrt() * x_0 + (1 - s.alpha_bar[t]).sqrt() * noise

    def middle(self, mean_q: Tensor, var_q: Tensor, mean_p: Tensor, var_p: Tensor) -> Tensor:
        if "only the means compared" in self.mistakes:
            return self.over((mean_q - mean_p) ** 2 / (2 * var_p))
        if "a density in place of the divergence" in self.mistakes:
            return self.over(-log_normal(mean_q, mean_p, var_p))
        return self.over(kl_normal(mean_q, var_q, mean_p, var_p))

    def last(self, x_0: Tensor, mean: Tensor, var: Tensor, data: str, bins: int) -> Tensor:
        if data == "continuous" or "L_0 as a density" in self.mistakes:
            log_p = self.over(log_normal(x_0, mean, var))
        else:
            log_p = self.over(log_bin(x_0, mean, var, bins, is_open="edge bins closed" not in self.mistakes))
        return log_p if "the sign of L_0" in self.mistakes else -log_p

    def prior(self, bar: Tensor, x_0: Tensor) -> Tensor:
        def divergence(t: int) -> Tensor:
            return self.over(kl_normal(bar[t].sqrt() * x_0, 1 - bar[t], 0 * x_0, 0 * x_0 + 1))

        if "L_T left out" in self.mistakes:
            return 0 * divergence(-1)
        if "the ratio of the first step kept" in self.mistakes:  # q(x_1 | x_0) cancels against q(x_1 | x_0)
            return divergence(-1) + divergence(1)
        return divergence(-1)


def kl_normal(mean_q: Tensor, var_q: Tensor, mean_p: Tensor, var_p: Tensor) -> Tensor:
    return 0.5 * (var_q / var_p + (mean_q - mean_p) ** 2 / var_p - 1 - torch.log(var_q / var_p))


def log_bin(x: Tensor, mean: Tensor, var: Tensor, bins: int, *, is_open: bool) -> Tensor:
    low, high = x - 1 / (bins - 1), x + 1 / (bins - 1)
    if is_open:
        low, high = low.where(x > -0.999, -math.inf), high.where(x < 0.999, math.inf)
    cdf = torch.special.ndtr((torch.stack([low, high]) - mean) / var.sqrt())
    return torch.log(cdf[1] - cdf[0])


def loop_simple(*mistakes: str) -> Callable[..., Tensor]:
    """`losses.simple`, by broadcasting by hand."""

    def simple(
        predictor: Predictor,
        s: Schedule,
        x_0: Tensor,
        t: Tensor | int,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        level = torch.as_tensor(t).expand(len(x_0))
        if noise is None:
            shape = x_0[:1].shape if "one noise for all" in mistakes else x_0.shape
            noise = torch.randn(shape, generator=generator, dtype=x_0.dtype).expand_as(x_0)
        bar = s.alpha_bar[level].reshape(-1, *[1] * (x_0.ndim - 1))
        eps = predictor(bar.sqrt() * x_0 + (1 - bar).sqrt() * noise, level)
        return _reduce(eps.detach() - noise if "prediction detached" in mistakes else eps - noise, mistakes)

    return simple


def _reduce(error: Tensor, mistakes: tuple[str, ...]) -> Tensor:
    """Per example the squared norm, or what is taken for it."""
    if "no square" in mistakes:
        return error.flatten(1).sum(1)
    if "absolute value" in mistakes:
        return error.abs().flatten(1).sum(1)
    if "half detached" in mistakes:  # the value is right, the gradient is half
        return (error * error.detach()).flatten(1).sum(1)
    if "mean over dimensions" in mistakes:
        return (error**2).flatten(1).mean(1)
    if "mean over the batch" in mistakes:
        return (error**2).flatten(1).sum(1).mean().expand(len(error))
    return (error**2).flatten(1).sum(1)


def plain_denoising(*mistakes: str) -> Callable[..., Tensor]:
    """`losses.denoising`."""

    def denoising(
        score: Callable[[Tensor], Tensor], x_0: Tensor, sigma: float, *, alpha: float, noise: Tensor
    ) -> Tensor:
        x = alpha * x_0 + sigma * noise
        target = -noise / sigma
        if "sign of the target" in mistakes:
            target = -target
        if "target not divided by sigma" in mistakes:
            target = -noise
        if "divided by sigma squared" in mistakes:
            target = -noise / sigma**2
        loss = 0.5 * ((score(x) - target) ** 2).sum(1)
        if "lowered until it ends at 0" in mistakes:
            return loss - 0.5 * ((true_score(alpha, sigma)(x) - target) ** 2).sum(1)
        return loss

    return denoising
