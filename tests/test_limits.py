"""Limits, differential equations and derivatives of the equations in continuous time, on cases known by heart."""

import math

import torch

from diffkit.equations.limits import divergence, gradient, laplacian, limit, runge_kutta
from tests.sampler_checks import order


def points():
    return torch.randn(7, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_the_limit_of_a_difference_quotient_is_the_derivative():
    x = points()
    slope = limit(lambda h: (torch.sin(x + h) - torch.sin(x)) / h, 0.1)
    torch.testing.assert_close(slope, torch.cos(x), rtol=0, atol=1e-11)


def test_a_limit_that_is_not_there_is_not_invented():
    short, long = (limit(lambda h: torch.tensor([h**-1.0]), 0.1, levels) for levels in (5, 8))
    assert float(long) > 4 * float(short) > 0


def test_runge_and_kutta_have_order_four():
    ns = [10, 20, 40, 80]
    errors = [abs(float(runge_kutta(lambda t, y: (t * y[0],), (1.0,), 1.0, n)[0]) - math.exp(0.5)) for n in ns]
    assert abs(order(ns, errors) - 4) < 0.3


def test_coupled_rates_turn_a_circle():
    end = runge_kutta(lambda _, y: (-y[1], y[0]), (1.0, 0.0), math.pi / 2)
    torch.testing.assert_close(end, torch.tensor([0.0, 1.0], dtype=torch.float64), rtol=0, atol=1e-11)


def test_derivatives_are_those_of_a_cubic():
    x = points()
    torch.testing.assert_close(gradient(lambda v: (v**3).sum(1), x), 3 * x**2)
    torch.testing.assert_close(divergence(lambda v: v**3, x), 3 * (x**2).sum(1))
    torch.testing.assert_close(laplacian(lambda v: (v**3).sum(1), x), 6 * x.sum(1))


def test_the_divergence_has_no_cross_terms():
    x = points()
    torch.testing.assert_close(divergence(lambda v: v.flip(1) ** 2, x), torch.zeros(7, dtype=torch.float64))
