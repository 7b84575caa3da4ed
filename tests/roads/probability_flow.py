"""Lesson 09 by another road: the flow as the mean of both directions, the family as a mixture of drifts."""

import torch

from tests.roads.common import col


def velocity__mean_of_both_directions(x, score, f, g):
    there = col(f, x) * x
    back = there - col(g**2, x) * score
    return (there + back) / 2


def family_step__flow_and_langevin(x, score, f, g, dt, lam, noise):
    eta = -dt * lam**2 * g**2 / 2
    flow = x + dt * (f * x - g**2 / 2 * score)
    return flow + eta * score + (2 * eta) ** 0.5 * noise


def euler_path__a_table_filled_in(v, x, times):
    path = x.new_empty(len(times), *x.shape)
    path[0] = x
    for k, h in enumerate(times.diff().tolist()):
        path[k + 1] = torch.add(path[k], v(path[k].clone(), float(times[k])), alpha=h)
    return path


def rk4_step__butcher_tableau(v, x, t, dt):
    slopes = []
    for c in (0.0, 0.5, 0.5, 1.0):
        slopes.append(v(x + c * dt * slopes[-1] if slopes else x, t + c * dt))
    weights = torch.tensor([1, 2, 2, 1], dtype=x.dtype) / 6
    return x + dt * torch.tensordot(weights, torch.stack(slopes), 1)


def probe_variance__gaussian_less_what_signs_do_not_have(J):
    S = 0.5 * (J + J.mT)
    gaussian = 2 * torch.einsum("bij,bij->b", S, S)
    return gaussian, gaussian - 2 * torch.einsum("bii,bii->b", S, S)


def slerp__complex_plane(z_0, z_1, a):
    """One complex number of length 1 per pair: its a-th power is the part of the way."""
    x, y = z_0.double().flatten(1), z_1.double().flatten(1)
    e = x / x.norm(dim=1, keepdim=True)
    along = (e * y).sum(1, keepdim=True)
    across = (y - along * e).norm(dim=1, keepdim=True)
    turn = torch.complex(along, across)
    turn = turn / turn.abs()
    flat = turn.imag < 1e-6
    part = torch.where(flat, torch.ones_like(turn), turn) ** a
    second = part.imag / torch.where(flat, torch.ones_like(across), turn.imag)
    out = (part.real - second * turn.real) * x + second * y
    return torch.where(flat, (1 - a) * x + a * y, out).reshape(z_0.shape).to(z_0)
