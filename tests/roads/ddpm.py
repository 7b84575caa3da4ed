"""Lesson 05 by another road: score, v or x_0 instead of eps, SNR instead of alpha, x / sqrt(alpha_bar) instead of x."""

import torch

from tests.roads.common import col, snr, squares


def mean_from_eps__score(x_t, eps, t, alpha, alpha_bar):
    score = -eps / col((1 - alpha_bar[t]).sqrt(), x_t)
    return (x_t + col(1 - alpha[t], x_t) * score) * col(alpha[t].rsqrt(), x_t)


def mean_from_eps__v(x_t, eps, t, alpha, alpha_bar):
    a, b = col(alpha_bar[t].sqrt(), x_t), col((1 - alpha_bar[t]).sqrt(), x_t)
    v = (eps - b * x_t) / a
    share = col(snr(alpha_bar[t]) / snr(alpha_bar[t - 1]), x_t)
    return col(alpha_bar[t - 1].sqrt(), x_t) * (1 - share) * (a * x_t - b * v) + share / col(alpha[t].sqrt(), x_t) * x_t


def convert__two_equations(value, source, target, x_t, t, alpha_bar):
    a, b = col(alpha_bar[t].sqrt(), x_t), col((1 - alpha_bar[t]).sqrt(), x_t)
    rows = {"x0": (1.0, 0.0), "eps": (0.0, 1.0), "score": (0.0, -1 / b), "v": (-b, a)}
    p, q = rows[source]  # p x_0 + q eps = value, a x_0 + b eps = x_t
    determinant = p * b - q * a
    x_0, eps = (value * b - q * x_t) / determinant, (p * x_t - a * value) / determinant
    return rows[target][0] * x_0 + rows[target][1] * eps


def vlb_weight__snr(beta, sigma2):
    ratio = snr(torch.cumprod(1 - beta, 0))
    out = torch.zeros_like(beta)
    out[1] = beta[1] / (2 * sigma2[1] * (1 - beta[1]))
    for t in range(2, len(beta)):
        tilde = (1 - ratio[t] / ratio[t - 1]) / (1 + ratio[t - 1])
        out[t] = 0.5 * tilde / sigma2[t] * (ratio[t - 1] / ratio[t] - 1)
    return out


def simple_loss__x_0(predict, x_0, t, noise, alpha_bar):
    a, b = col(alpha_bar[t].sqrt(), x_0), col((1 - alpha_bar[t]).sqrt(), x_0)
    x_t = a * x_0 + b * noise
    guess = (x_t - b * predict(x_t, t)) / a
    return snr(alpha_bar[t]).to(x_0) * squares(x_0 - guess)


def best_eps__precision_weighted(x_t, t, data, alpha_bar):
    """In x / alpha: log-weights from the noise level alone, then eps = (y - E[x_0]) / u."""
    root = alpha_bar[t].sqrt().to(x_t)
    y, u2 = x_t.flatten(1) / root[:, None], (1 / snr(alpha_bar[t])).to(x_t)[:, None]
    points = data.flatten(1)
    w = torch.softmax((y @ points.mT - 0.5 * (points**2).sum(1)) / u2, 1)
    return ((y - w @ points) / u2.sqrt()).reshape(x_t.shape)


def ancestral_step__score(x_t, eps, t, noise, beta, sigma2):
    var = 1 - torch.exp(torch.log1p(-beta[: t + 1]).sum())
    score = -eps / float(var) ** 0.5
    x = x_t + float(beta[t]) * score
    x = x.div_(float(1 - beta[t]) ** 0.5) if not x.requires_grad else x / float(1 - beta[t]) ** 0.5
    return x + float(sigma2[t]) ** 0.5 * noise if t > 1 else x


def sample__unscaled(predict, x_T, noises, beta, sigma2):
    bar = torch.cumprod(1 - beta, 0)
    y = x_T / bar[-1].sqrt().to(x_T)
    for t in reversed(range(1, len(beta))):
        eps = predict(y * bar[t].sqrt().to(y), torch.full((len(y),), t))
        y = y - (beta[t] / (bar[t] * (1 - bar[t])).sqrt()).to(y) * eps
        if t > 1:
            y = y + (sigma2[t] / bar[t - 1]).sqrt().to(y) * noises[t]
    return y
