"""Lesson 11 by another road: guidance on scores, the posterior by x_0, the guided Gaussian by products of factors."""

import torch

from tests.roads.common import col


def guided_eps__score(eps, grad, s, t, alpha_bar):
    sigma = col((1 - alpha_bar[t]).sqrt(), eps)
    return -sigma * (-eps / sigma + s * grad)


def guided_step__x_0(x_t, eps, grad, s, t, noise, beta, sigma2):
    bar = torch.cumprod(1 - beta, 0)
    now, before, b = float(bar[t]), float(bar[t - 1]), float(beta[t])
    x_0 = (x_t - (1 - now) ** 0.5 * eps) / now**0.5
    mean = (before**0.5 * b * x_0 + (1 - b) ** 0.5 * (1 - before) * x_t) / (1 - now)
    std = float(sigma2[t]) ** 0.5
    return mean + std * (std * s * grad + (noise if t > 1 else 0))


def cfg__lerp(eps_y, eps_null, strength, convention):
    return torch.lerp(eps_null, eps_y, strength + (convention == "w"))


def guided_gaussian__products_of_factors(v, m_y, v_y, s, beta):
    bar = torch.cumprod(1 - beta, 0)
    wide, narrow = bar * v + 1 - bar, bar * v_y + 1 - bar
    keep = (1 - beta * ((1 - s) / wide + s / narrow)) / (1 - beta).sqrt()
    keep[0] = 1.0
    below = torch.cumprod(keep, 0)
    pushed = s * beta * (bar / (1 - beta)).sqrt() * m_y / narrow
    fresh = torch.where(torch.arange(len(beta)) > 1, beta, 0.0)
    before = below[:-1]
    return (pushed[1:] * before).sum(), below[-1] ** 2 + (fresh[1:] * before**2).sum()


def drop_labels__in_place_on_a_copy(y, u, p, null):
    out = y.clone()
    out[u < p] = null
    return out


def marginal_gap__loop(p, p_class, x, alpha_bar, s):
    steps = torch.diff(x)
    widths = (torch.cat([steps, steps[-1:] * 0]) + torch.cat([steps[:1] * 0, steps])) / 2
    followed, wanted = torch.zeros_like(p), torch.zeros_like(p)
    for i, place in enumerate(x):
        jump = torch.exp(-((place - alpha_bar**0.5 * x) ** 2) / (2 * (1 - alpha_bar)))
        q, both = (jump * p).sum(), (jump * p * p_class).sum()
        followed[i], wanted[i] = q * (both / q) ** s, (jump * p * p_class**s).sum()
    followed, wanted = followed / (widths * followed).sum(), wanted / (widths * wanted).sum()
    return (widths * (followed - wanted).abs()).sum() / 2
