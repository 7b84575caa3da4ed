"""Lesson 07 by another road: the fixed point of the recursion, denoisers and eps instead of scores."""

import torch

from tests.roads.common import col


def stationary_variance__fixed_point(v, eta):
    keep = (1 - eta / v) ** 2
    return torch.where(keep < 1, 2 * eta / (1 - keep), torch.inf)


def chain_variance__noise_by_noise(v_0, v, eta, k):
    keep = (1 - eta / v) ** 2
    return keep**k * v_0 + sum((2 * eta * keep**j for j in range(k)), torch.zeros_like(v_0))


def annealed_langevin__eps(score, sigmas, x, h, noises):
    x = x.clone()
    for i in reversed(range(1, len(sigmas))):
        sigma = float(sigmas[i])
        alpha = h * sigma**2 / float(sigmas[1]) ** 2
        for z in noises[i]:
            eps = -sigma * score(x, sigma)
            x.sub_(alpha / 2 / sigma * eps).add_(z, alpha=alpha**0.5)
    return x


def ladder_step__x_0(y, sigma, sigma_prev, score_y, noise):
    guess = y + col(sigma**2, y) * score_y
    share = (sigma_prev / sigma) ** 2
    std = (share * (sigma**2 - sigma_prev**2)).sqrt()
    return torch.lerp(guess, y, col(share, y).expand_as(y)) + col(std, y) * noise


def step_sizes__loop(sigmas, h):
    return torch.stack([h * sigma**2 / sigmas[1] ** 2 for sigma in sigmas])
