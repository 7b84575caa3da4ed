"""A learned noise schedule: it only falls, keeps its ends, leaves the bound alone, and learns to make it vary less."""

import math

import pytest
import torch

from diffkit import data, elbo, nets
from diffkit.errors import RangeError, ShapeError

F64 = torch.float64


def made(seed, highest=9.0, lowest=-7.0, width=8):
    """A network with random weights between these ends."""
    torch.manual_seed(seed)
    net = nets.LogSnr(highest, lowest, width=width)
    for name, p in net.named_parameters():
        if name not in ("highest", "lowest"):
            torch.nn.init.normal_(p, std=3.0)
    return net.to(F64)


def exact_eps(mixture):
    """E[eps | x_u] = -sigma * score, from the exact score of the noisy mixture."""

    def predictor(x, ratio):
        parts = [
            -b * mixture.score(row.unsqueeze(0), a, b)
            for row, a, b in zip(x, torch.sigmoid(ratio).sqrt(), torch.sigmoid(-ratio).sqrt(), strict=True)
        ]
        return torch.cat(parts)

    return predictor


@pytest.mark.parametrize("seed", range(20))
def test_it_only_falls_and_keeps_its_ends_whatever_its_weights(seed):
    u = torch.linspace(0, 1, 501, dtype=F64)
    ratio = made(seed, width=seed + 1)(u).detach()
    assert bool((ratio[1:] < ratio[:-1]).all())
    assert float(ratio[0]) == pytest.approx(9.0, abs=1e-12)
    assert float(ratio[-1]) == pytest.approx(-7.0, abs=1e-12)


def test_every_weight_is_heard():
    net = made(0)
    net(torch.tensor([0.2, 0.7], dtype=F64)).sum().backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in net.parameters())


def test_its_table_has_its_ratios():
    net = made(3)
    s = net.schedule(50)
    wanted = net(torch.linspace(0, 1, 50, dtype=F64)).detach()
    torch.testing.assert_close(s.snr[1:].log(), wanted, rtol=1e-9, atol=1e-9)
    assert s.T == 50
    assert nets.LogSnr().schedule(5000).T == 5000  # neighbours differ by less than float32 can tell


def test_the_derivative_is_that_of_the_function():
    net, x = made(1), torch.zeros(3, 2, dtype=F64)
    u, noise = torch.tensor([0.1, 0.5, 0.9], dtype=F64), torch.ones(3, 2, dtype=F64)
    got = elbo.continuous(lambda x, ratio: 0 * x, net, x, u, noise=noise)
    h = 1e-6
    slope = (net(u + h) - net(u - h)) / (2 * h)
    torch.testing.assert_close(got, -0.5 * slope * 2, rtol=1e-6, atol=1e-8)


def test_the_gradient_reaches_the_schedule_by_both_ways():
    """By the slope and by the noised x, and so by the prediction: compared with a difference of the loss itself."""
    net, x = made(1, 2.0, -2.0), torch.tensor([[0.3, -1.0], [1.2, 0.1]], dtype=F64)
    u, noise = torch.tensor([0.3, 0.8], dtype=F64), torch.ones(2, 2, dtype=F64)

    def loss():
        return elbo.continuous(lambda x, r: x * torch.tanh(r).unsqueeze(1), net, x, u, noise=noise).sum()

    (got,) = torch.autograd.grad(loss(), net.highest)
    h = 1e-5
    with torch.no_grad():
        net.highest += h
        above = loss()
        net.highest -= 2 * h
        below = loss()
    assert not above.requires_grad
    assert float(got) == pytest.approx(float(above - below) / (2 * h), rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_value_depends_on_the_ends_alone(seed):
    """x_0 ~ N(0, v): the least error in eps is v SNR/(1 + v SNR), so L_inf is half a log of a ratio: no path."""
    net, v, n = made(seed), 2.5, 4001
    u = torch.linspace(0, 1, n, dtype=F64)
    ratio = net(u).detach()
    # One example per u, whose prediction is off by just the least root mean square error.
    root = (v * ratio.exp() / (1 + v * ratio.exp())).sqrt().unsqueeze(1)
    noise = torch.zeros(n, 1, dtype=F64)
    terms = elbo.continuous(lambda x, r: root, net, torch.zeros(n, 1, dtype=F64), u, noise=noise).detach()
    wanted = 0.5 * (math.log1p(v * math.exp(9)) - math.log1p(v * math.exp(-7)))
    assert float(torch.trapezoid(terms, u)) == pytest.approx(wanted, rel=1e-3)


def test_many_steps_come_to_the_same():
    """The sum of L_t of the discrete bound over a fine table tends to L_inf, on the same predictor, with order 1/T."""
    net, mixture = made(2, 4.0, -4.0), data.bumps()
    x_0 = mixture.sample(1, generator=torch.Generator().manual_seed(0)).double()
    nodes, w = hermite(24)

    def predictor(x, ratio):
        return torch.tanh(x) * torch.sigmoid(-ratio).unsqueeze(1)

    def discrete(T):
        s = net.schedule(T)
        table = torch.cat([torch.zeros(1, dtype=F64), s.snr[1:].log()])
        noise = nodes.reshape(1, -1, 1).expand(T, -1, 1)
        terms = elbo.evaluate(
            lambda x, t: predictor(x, table[t]), s, x_0.expand(len(nodes), 1), sigma="beta_tilde", noise=noise
        )
        return float((w * terms.L_t.sum(1)).sum())

    u = torch.linspace(0, 1, 3001, dtype=F64)
    rows = [
        elbo.continuous(predictor, net, x_0.expand(3001, 1), u, noise=torch.full((3001, 1), float(z), dtype=F64))
        for z in nodes
    ]
    limit = float(torch.trapezoid((w.unsqueeze(1) * torch.stack(rows).detach()).sum(0), u))
    gaps = [abs(discrete(T) - limit) for T in (200, 400)]
    assert gaps[1] < 0.01 * limit
    assert gaps[0] / gaps[1] == pytest.approx(2, abs=0.2)


def hermite(n):
    """Nodes and weights of E over a standard normal number."""
    import numpy as np

    x, w = np.polynomial.hermite_e.hermegauss(n)
    return torch.from_numpy(x), torch.from_numpy(w / w.sum())


def test_learning_the_path_lowers_the_variance_and_not_the_mean():
    """1,500 draws before and after: the variance falls by more than half; the means differ by chance alone.

    The draws are fixed by their seeds, so the outcome is too; the limit of 4 standard errors would fail once in 16,000.
    """
    mixture, g = data.bumps(), torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    net = nets.LogSnr(8.0, -8.0, width=12).to(F64)
    net.highest.requires_grad_(False), net.lowest.requires_grad_(False)
    predictor = exact_eps(mixture)

    def draws(n):
        x_0 = mixture.sample(n, generator=g).double()
        u = torch.rand(n, generator=g, dtype=F64)
        return elbo.continuous(predictor, net, x_0, u, generator=g)

    with torch.no_grad():
        before = draws(1500)
    optimizer = torch.optim.Adam([p for p in net.parameters() if p.requires_grad], lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        draws(64).square().mean().backward()
        optimizer.step()
    with torch.no_grad():
        after = draws(1500)
    assert float(after.var()) < 0.5 * float(before.var())
    error = math.sqrt(float(before.var() + after.var()) / 1500)
    assert abs(float(before.mean() - after.mean())) < 4 * error


def test_wrong_input_is_named():
    net, x = nets.LogSnr(), torch.zeros(2, 3)
    with pytest.raises(RangeError, match="highest > lowest"):
        nets.LogSnr(-1.0, 1.0)
    with pytest.raises(RangeError, match=r"u must lie in \[0, 1\]"):
        net(torch.tensor([0.5, 1.5]))
    with pytest.raises(ShapeError, match=r"shape \(B,\)"):
        net(torch.zeros(2, 1))
    with pytest.raises(RangeError, match="at least 2"):
        net.schedule(1)
    with pytest.raises(ShapeError, match=r"one time in \[0, 1\] per example"):
        elbo.continuous(lambda x, r: x, net, x, torch.zeros(3))
    with pytest.raises(ShapeError, match="the prediction"):
        elbo.continuous(lambda x, r: x[:, :1], net, x, torch.zeros(2))
