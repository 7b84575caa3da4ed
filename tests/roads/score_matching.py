"""Lesson 06 by another road: autograd, factors instead of inverses, denoisers instead of scores."""

import torch

from tests.roads.common import col, snr, squares


def gaussian_score__autograd(x, mean, cov):
    y = x if x.requires_grad else x.detach().clone().requires_grad_()
    log_p = torch.distributions.MultivariateNormal(mean, cov).log_prob(y)
    return torch.autograd.grad(log_p.sum(), y, create_graph=x.requires_grad)[0]


def sum_by_parts__what_the_other_two_leave(s, p):
    boundary = torch.diff(s * p).sum()
    moved = torch.dot(p[1:], s[1:] - s[:-1])
    return boundary - moved, boundary, moved


def implicit_loss__autograd(x, A, b, C):
    y = x.detach().clone().requires_grad_()
    s = torch.tanh(y @ A.mT + b) @ C.mT
    trace = 0.0
    for i in range(s.shape[1]):
        trace = trace + torch.autograd.grad(s[:, i].sum(), y, create_graph=True)[0][:, i]
    return trace + 0.5 * (s * s).sum(1)


def fit_score__orthogonal_features(phi, dphi):
    R = torch.linalg.qr(phi).R
    half = torch.linalg.solve_triangular(R.mT, -dphi.sum(0).unsqueeze(1), upper=False)
    return torch.linalg.solve_triangular(R, half, upper=True).squeeze(1)


def denoising_loss__eps(score, x_0, sigma, noise):
    sd = col(sigma, x_0)
    guess = -sd * score(x_0 + sd * noise)
    return 0.5 * squares(noise - guess) / sigma.to(x_0) ** 2


def denoising_loss__x_0(score, x_0, sigma, noise):
    sd = col(sigma, x_0)
    x = x_0 + sd * noise
    return 0.5 * squares((x + sd**2 * score(x) - x_0) / sd**2)


def denoising_floor__variance_that_is_left(variances, sigma):
    return (1 / (1 / variances + 1 / sigma**2) / (2 * sigma**4)).sum()


def tweedie__eps(x_t, score, t, alpha_bar):
    a, b = alpha_bar[t].sqrt(), (1 - alpha_bar[t]).sqrt()
    eps = -col(b, x_t) * score
    return x_t / col(a, x_t) - col(b / a, x_t) * eps


def score_from_eps__snr(eps, t, alpha_bar):
    return -col((1 + snr(alpha_bar[t])).sqrt(), eps) * eps


def best_reconstruction__score(x, points, sigma):
    y = x if x.requires_grad else x.detach().clone().requires_grad_()
    square = (y.flatten(1).unsqueeze(1) - points.flatten(1)).square().sum(2)
    log_p = torch.logsumexp(-square / (2 * sigma**2), 1)
    (score,) = torch.autograd.grad(log_p.sum(), y, create_graph=x.requires_grad)
    return x + sigma**2 * score


def weighted_sum__x_0(scores, noise, sigmas):
    level = sigmas.reshape(-1, *[1] * (noise.ndim - 1))
    missed = level * noise + level**2 * scores  # the guess of x_0, less x_0
    return 0.5 * (missed / level).square().flatten(2).sum(2).mean(0)


def bound_weights__snr(beta, sigma2):
    bar = torch.cumprod(1 - beta, 0)
    out = torch.zeros_like(beta)
    out[1] = beta[1] ** 2 / (sigma2[1] * (1 - beta[1]))
    ratio, tilde = snr(bar[:-1]) / snr(bar[1:]), (1 - bar[:-1]) / (1 - bar[1:]) * beta[1:]
    out[2:] = (tilde * (ratio - 1) * (1 - bar[1:]) / sigma2[1:])[1:]
    return out


def fit_score__loop(phi, dphi):
    n = phi.shape[1]
    M, slope = torch.zeros(n, n, dtype=phi.dtype), torch.zeros(n, dtype=phi.dtype)
    for row, drow in zip(phi, dphi, strict=True):
        M += torch.outer(row, row)
        slope += drow
    return torch.linalg.inv(M) @ -slope


def denoising_floor__loop(variances, sigma):
    total = torch.zeros((), dtype=variances.dtype)
    for v in variances:
        total = total + v / (2 * sigma**2 * (v + sigma**2))
    return total


def bound_weights__loop(beta, sigma2):
    weights = [0.0]
    for b, v in zip(beta[1:].tolist(), sigma2[1:].tolist(), strict=True):
        weights.append(b * b / (v * (1 - b)))
    return torch.tensor(weights, dtype=torch.float64)
