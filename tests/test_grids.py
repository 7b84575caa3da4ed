"""Integrals over intervals and the plane, and difference quotients, against what is known exactly."""

import math

import pytest
import torch

from diffkit.equations.grids import differences, interval_nodes, plane_nodes


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-0.7, 0.9), (2.0, 5.0)])
def test_an_interval_is_integrated_with_its_ends(low, high):
    x, w = interval_nodes(low, high)
    assert float(w.sum()) == pytest.approx(high - low, rel=1e-13)
    assert float(w @ torch.exp(x)) == pytest.approx(math.exp(high) - math.exp(low), rel=1e-13)
    assert bool(((x > low) & (x < high)).all())


def test_the_plane_is_integrated_where_a_density_dies_out():
    x, w = plane_nodes()
    bell = torch.exp(-((x - torch.tensor([1.0, -0.5])) ** 2).sum(1) / 0.5) / (0.5 * math.pi)
    assert float(w @ bell) == pytest.approx(1, rel=1e-12)
    assert (w * bell @ x).tolist() == pytest.approx([1.0, -0.5], rel=1e-12)


def test_differences_are_the_gradient_and_of_eighth_order():
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def error(step):
        return float((differences(lambda y: torch.sin(2 * y).prod(1), x, step) - exact).abs().max())

    y = x.clone().requires_grad_()
    (exact,) = torch.autograd.grad(torch.sin(2 * y).prod(1).sum(), y)
    assert error(0.02) < 1e-12
    assert abs(math.log2(error(0.4) / error(0.2)) - 8) < 0.3
