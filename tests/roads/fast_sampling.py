"""Lesson 10 by another road: x / sqrt(alpha_bar), where the flow is a straight line in eps, and the SNR."""

import torch

from tests.roads.common import col, snr


def keep__noise_left_over_noise_there(bar_t, bar_s, sigma2):
    a = torch.exp(0.5 * (torch.log1p(-bar_s - sigma2) - torch.log1p(-bar_t)))
    return a, bar_t.sqrt() * ((bar_s / bar_t).sqrt() - a)


def ddim_sigma__snr(bar_t, bar_s, eta):
    return eta * ((1 - bar_s) * (1 - snr(bar_t) / snr(bar_s))).sqrt()


def ddim_sigma__posterior_variance(bar_t, bar_s, eta):
    ratio = bar_t / bar_s
    precision = ratio / (1 - ratio) + 1 / (1 - bar_s)
    return eta / precision.sqrt()


def ddim_step__unscaled(x_t, eps, bar_t, bar_s, eta, noise):
    sigma = ddim_sigma__snr(bar_t, bar_s, eta)
    toward = ((1 - bar_s - sigma**2) / bar_s).sqrt() - (1 / bar_t - 1).sqrt()
    y = x_t / col(bar_t.sqrt(), x_t) + col(toward, x_t) * eps
    return col(bar_s.sqrt(), x_t) * y + col(sigma, x_t) * noise


def ddim_step__score(x_t, eps, bar_t, bar_s, eta, noise):
    sigma = ddim_sigma__snr(bar_t, bar_s, eta)
    score = -eps / col((1 - bar_t).sqrt(), x_t)
    x_0 = (x_t + col(1 - bar_t, x_t) * score) / col(bar_t.sqrt(), x_t)
    rest = col((1 - bar_s - sigma**2).sqrt(), x_t)
    return col(bar_s.sqrt(), x_t) * x_0 - rest * col((1 - bar_t).sqrt(), x_t) * score + col(sigma, x_t) * noise


def eta_of__precisions_add(beta, sigma2):
    bar, out = torch.cumprod(1 - beta, 0), torch.zeros_like(beta)
    for t in range(2, len(beta)):
        precision = (1 - beta[t]) / beta[t] + 1 / (1 - bar[t - 1])
        out[t] = (sigma2[t] * precision).sqrt()
    return out


def invert_step__unscaled(predict, x_s, bar_s, bar_t, rounds):
    u_s, u_t = (1 / bar_s - 1) ** 0.5, (1 / bar_t - 1) ** 0.5
    x = x_s
    for _ in range(rounds):
        x = bar_t**0.5 * (x_s / bar_s**0.5 + (u_t - u_s) * predict(x))
    return x


def heun_step__corrected_euler(predict, y, u, u_next):
    h = u_next - u
    first = predict(y, u)
    ahead = torch.add(y, first, alpha=h)
    return torch.add(ahead, predict(ahead, u_next) - first, alpha=h / 2) if u_next > 0 else ahead


def network_calls__step_by_step(method, u):
    two = method in {"heun", "dpm-2"}
    return sum(2 if two and after > 0 else 1 for after in u[1:].tolist())
