"""Lesson 08 by another road: coefficients from their marginals by autograd, drifts put together in another way."""

import torch

from tests.roads.common import col


def _rate(f, t):
    with torch.enable_grad():
        t = t.detach().clone().requires_grad_()
        return torch.autograd.grad(f(t).sum(), t)[0]


def vp_coefficients__from_the_marginal(t, beta_min, beta_max):
    f = _rate(lambda t: -(beta_min * t + (beta_max - beta_min) * t**2 / 2) / 2, t)
    return f, (-2 * f).sqrt()


def ve_coefficients__from_the_marginal(t, sigma_min, sigma_max):
    return torch.zeros_like(t), _rate(lambda t: (sigma_min * (sigma_max / sigma_min) ** t) ** 2, t).sqrt()


def sub_vp_diffusion__from_the_variance(t, beta_min, beta_max):
    def B(t):
        return beta_min * t + (beta_max - beta_min) * t**2 / 2

    def var(t):
        return torch.expm1(-B(t)) ** 2

    return (_rate(var, t) + _rate(B, t) * var(t)).clamp(min=0).sqrt()  # g^2 = dv/dt - 2 f v


def coarser_noise__every_kth_place_of_the_path(noise, k):
    path = torch.cat([torch.zeros_like(noise[:1]), noise.cumsum(0)])
    return path[::k].diff(dim=0) / k**0.5


def fp_residual__differences_of_differences(p, f, g, dx, dt):
    now = p[1]
    slope = torch.gradient(f * now, spacing=dx)[0][1:-1]
    return (p[2] - p[0])[1:-1] / (2 * dt) + slope - g**2 / 2 * torch.diff(now, n=2) / dx**2


def reverse_drift__twice_the_flow_less_the_drift(drift, g, score):
    flow = drift - 0.5 * col(g, score) ** 2 * score
    return 2 * flow - drift


def reverse_sample__flow_and_langevin(score, x, times, noises, beta_min, beta_max):
    clock = times.tolist()
    for t, after, z in zip(clock, clock[1:], noises, strict=False):
        beta, dt = beta_min + t * (beta_max - beta_min), t - after
        s = score(x, t)
        flow = x + dt * 0.5 * beta * (x + s)
        eta = dt * 0.5 * beta  # what is left is one Langevin step
        x = flow + eta * s + (2 * eta) ** 0.5 * z
    return x


def em_path__a_table_filled_in(drift, diffusion, x, times, noises):
    path = torch.empty(len(noises) + 1, *x.shape, dtype=x.dtype)
    path[0] = x
    for i, z in enumerate(noises):
        now, dt = path[i].clone(), float(times[i + 1] - times[i])
        path[i + 1] = now + dt * drift(now, float(times[i])) + abs(dt) ** 0.5 * diffusion(now, float(times[i])) * z
    return path


def pc_sample__in_one_loop(score, x, times, z_pred, z_corr, rho, ends):
    for i in range(len(z_pred)):
        t, after = float(times[i]), float(times[i + 1])
        beta = ends[0] + t * (ends[1] - ends[0])
        x = x + (t - after) * beta * (x / 2 + score(x, t)) + ((t - after) * beta) ** 0.5 * z_pred[i]
        for z in z_corr[i]:
            s = score(x, after)
            root = rho * z.flatten(1).norm(dim=1).mean() / s.flatten(1).norm(dim=1).mean()
            x = x + 2 * root * (root * s + z)
    return x


def moment_rates__one_small_step_taken_apart(m, v, f, g):
    """x + dt f x + g dW: the terms of first order in dt of its mean and variance."""
    return m * f, (1 + f) ** 2 * v - v - f**2 * v + g**2
