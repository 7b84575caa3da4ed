"""Lesson 03 by another road."""

import math

import torch

from tests.roads.common import log_normal


def _backwards(x, beta):
    """log q(x_T | x_0) and, for t = 2..T, log q(x_{t-1} | x_t, x_0), by the precision of each step."""
    bar = torch.cumprod(1 - beta, 0)
    last = log_normal(x[-1], bar[-1].sqrt() * x[0], 1 - bar[-1])
    steps = []
    for t in range(2, len(x)):
        var = 1 / ((1 - beta[t]) / beta[t] + 1 / (1 - bar[t - 1]))
        pull = (1 - beta[t]).sqrt() / beta[t] * x[t] + bar[t - 1].sqrt() / (1 - bar[t - 1]) * x[0]
        steps.append(log_normal(x[t - 1], var * pull, var))
    return last, steps


def log_q__backwards_in_time(x, beta):
    wide = x.double()
    last, steps = _backwards(wide, beta.double())
    return sum(steps, last).to(x)


def integrand__the_terms_of_the_bound(x, means, var, beta):
    last, steps = _backwards(x, beta)
    total = log_normal(x[-1], torch.zeros_like(x[-1]), torch.ones(())) - last
    for t, step in enumerate(steps, 2):
        total = total + log_normal(x[t - 1], means[t], var[t]) - step
    return total + log_normal(x[0], means[1], var[1])


def importance_weighted__running_sum(log_w):
    return torch.logcumsumexp(log_w, 0)[-1] - math.log(len(log_w))


def gaussian_reverse__precisions_add(m, v, alpha_bar):
    a, b, var = (torch.zeros_like(alpha_bar) for _ in range(3))
    for t in range(1, len(alpha_bar)):
        alpha, before = alpha_bar[t] / alpha_bar[t - 1], alpha_bar[t - 1]
        nu = before * v + 1 - before
        # multiplied out, so that a first variance of 0 does no harm
        var[t] = nu * (1 - alpha) / (alpha * nu + 1 - alpha)
        a[t] = alpha.sqrt() / (1 - alpha) * var[t]
        b[t] = before.sqrt() * m * (1 - alpha) / (alpha * nu + 1 - alpha)
    return a, b, var


def vae_loss__standard_deviations(x, mean_z, log_var_z, mean_x, var_x):
    std = torch.exp(log_var_z / 2)
    code = (mean_z**2 + std**2).sum(1) / 2 - mean_z.shape[1] / 2 - torch.log(std).sum(1)
    return code - log_normal(x, mean_x, torch.tensor(var_x, dtype=torch.float64))
