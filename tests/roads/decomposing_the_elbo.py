"""Lesson 04 by another road: the posterior through precisions, through the SNR, through the score."""

import torch

from grader.exercises import EXERCISES
from tests.roads.common import col, log_normal, snr, squares


def posterior_q__snr(x_0, x_t, t, alpha_bar):
    before, now = alpha_bar[t - 1], alpha_bar[t]
    share = snr(now) / snr(before)  # how much of x_t's news is left; 0 at t = 1
    mean = col(before.sqrt() * (1 - share), x_0) * x_0 + col(share * (before / now).sqrt(), x_0) * x_t
    return mean, ((1 - before) * (1 - share)).to(x_0)


def posterior_q__score(x_0, x_t, t, alpha_bar):
    a, alpha = alpha_bar[t], alpha_bar[t] / alpha_bar[t - 1]
    score = (col(a.sqrt(), x_0) * x_0 - x_t) / col(1 - a, x_0)
    mean = (x_t + col(1 - alpha, x_0) * score) / col(alpha.sqrt(), x_0)
    # the rule of the total variance: what the step adds, less what the score explains
    return mean, ((1 - alpha) / alpha * (1 - (1 - alpha) / (1 - a))).to(x_0)


def posterior_q__precisions_add(x_0, x_t, t, alpha_bar):
    before = alpha_bar[t - 1]
    alpha = alpha_bar[t] / before
    precision = alpha / (1 - alpha) + 1 / (1 - before)
    by_x_t = alpha.sqrt() / (1 - alpha) / precision
    by_x_0 = torch.where(t == 1, 1.0, before.sqrt() / (1 - before) / precision)
    return col(by_x_0, x_0) * x_0 + col(by_x_t, x_0) * x_t, (1 / precision).to(x_0)


def bayes_ratio__the_posterior_itself(x_prev, x_t, x_0, t, beta):
    bar = torch.cumprod(1 - beta, 0)
    many = torch.full((len(x_0),), t)
    mean, var = posterior_q__snr(x_0, x_t, many, bar)
    return log_normal(x_prev, mean, var[0])


def telescope__differences(log_prior, log_p, log_step, log_jump):
    terms = log_step - log_p - torch.diff(log_jump, dim=0, prepend=log_jump[:1])
    return log_jump[-1] - log_prior, terms[2:].T, -log_p[1]


def complete_square__from_the_solved_posterior(x_0, x_t, t, beta):
    bar = torch.cumprod(1 - beta, 0)
    mean, var = posterior_q__score(x_0.double(), x_t.double(), torch.full((len(x_0),), t), bar)
    return 1 / var[0], (mean / var[0]).to(x_0)


def kl_isotropic__cross_entropy_minus_entropy(mean_q, var_q, mean_p, var_p):
    d = mean_q[0].numel()
    return 0.5 * (squares(mean_q - mean_p) + d * var_q) / var_p + 0.5 * d * (torch.log(var_p / var_q) - 1)


def L_t__score(x_0, x_t, t, mean_p, var_p, alpha_bar):
    mean_q, var_q = posterior_q__score(x_0, x_t, t, alpha_bar)
    return kl_isotropic__cross_entropy_minus_entropy(mean_q, var_q, mean_p, var_p)


def L_T__snr(x_0, alpha_bar):
    a, d = alpha_bar[-1].to(x_0), x_0[0].numel()
    return 0.5 * (a * (squares(x_0) - d) + d * torch.log1p(snr(a)))


def weighted_sum__snr(noise, eps_hat, alpha_bar, sigma2):
    total, ratio, d = 0.0, snr(alpha_bar), noise[0, 0].numel()
    for t in range(2, len(alpha_bar)):
        tilde = (1 - alpha_bar[t - 1]) * (1 - ratio[t] / ratio[t - 1])
        r = (tilde / sigma2[t]).to(noise)
        weight = 0.5 * r * (ratio[t - 1] / ratio[t] - 1).to(noise)
        total = total + weight * squares(noise[t] - eps_hat[t]) + 0.5 * d * (r - 1 - torch.log(r))
    return total


def bound__means_from_x_0(predict, x_0, noise, alpha_bar, sigma2):
    total = L_T__snr(x_0, alpha_bar)
    for t in range(len(alpha_bar) - 1, 0, -1):
        a = alpha_bar[t]
        x_t = a.sqrt() * x_0 + (1 - a).sqrt() * noise[t]
        guess = (x_t - (1 - a).sqrt() * predict(x_t, t)) / a.sqrt()
        if t == 1:
            return total + EXERCISES["elbo.L_0"].reference(x_0, guess, float(sigma2[1]), 17)
        many = torch.full((len(x_0),), t)
        mean_p, _ = posterior_q__snr(guess, x_t, many, alpha_bar)
        total = total + L_t__score(x_0, x_t, many, mean_p, sigma2[t].expand(len(x_0)), alpha_bar)
    raise AssertionError


def code_length__from_the_end(L_T, L_t, L_0):
    columns = [L_T]
    for t in reversed(range(L_t.shape[1])):
        columns.insert(0, columns[0] + L_t[:, t])
    return torch.stack([columns[0] + L_0, *columns], 1)
