"""Lesson 02 by another road."""

import math

import torch

from tests.roads.common import col, snr, squares


def q_step__in_place_on_a_copy(x_prev, t, beta, noise):
    x = x_prev.clone()
    return x.mul_(float(1 - beta[t]) ** 0.5).add_(noise, alpha=float(beta[t]) ** 0.5)


def q_sample_loop__one_sum(x_0, t, beta, noises):
    bar = torch.cumprod(1 - beta, 0)
    weights = (bar[t] / bar[: t + 1] * beta[: t + 1]).sqrt().to(x_0)
    return bar[t].sqrt().to(x_0) * x_0 + torch.tensordot(weights, noises[: t + 1], 1)


def alpha_bar_table__one_product_per_row(beta):
    return torch.stack([torch.prod(1 - beta[: t + 1]) for t in range(len(beta))])


def q_sample__log_snr(x_0, t, alpha_bar, noise):
    lam = torch.logit(alpha_bar[t])
    return col(torch.sigmoid(lam).sqrt(), x_0) * x_0 + col(torch.sigmoid(-lam).sqrt(), x_0) * noise


def collapse_noise__step_by_step(noises, t, beta):
    x, var = torch.zeros_like(noises[0]), 0.0
    for s in range(1, t + 1):
        b = float(beta[s])
        x, var = (1 - b) ** 0.5 * x + b**0.5 * noises[s], (1 - b) * var + b
    return x / var**0.5


def compose__what_is_left_of_the_variance(alpha_bar, s, t):
    ratio = alpha_bar[t] / alpha_bar[s]
    return torch.exp(0.5 * torch.log(ratio)), (1 - alpha_bar[t]) - ratio * (1 - alpha_bar[s])


def cosine_betas__by_angles(T, s, beta_max):
    angle = (torch.arange(T + 1, dtype=torch.float64) / T + s) / (1 + s) * math.pi / 2
    a, b = angle[:-1], angle[1:]
    beta = torch.sin(b - a) * torch.sin(b + a) / torch.cos(a) ** 2
    return torch.cat([torch.zeros(1, dtype=torch.float64), torch.clamp(beta, max=beta_max)])


def snr__log_snr(alpha_bar):
    return torch.exp(torch.logit(alpha_bar))


def kl_to_prior__snr(x_0, t, alpha_bar):
    a, d = alpha_bar[t].to(x_0), x_0[0].numel()
    return 0.5 * (a * (squares(x_0) - d) + d * torch.log1p(snr(a)))


def noisy_mixture_log_density__unscaled(x, t, alpha_bar, weights, means, stds):
    a = alpha_bar[t]
    y, var = x / a.sqrt(), stds**2 + 1 / a - 1
    parts = weights.log() - 0.5 * ((y[:, None] - means) ** 2 / var + torch.log(2 * math.pi * var))
    return torch.logsumexp(parts, 1) - 0.5 * torch.log(a)
