"""The exact functions follow the device of their input: the same numbers on a GPU, or its stand-in, as on the CPU."""

import pytest
import torch

from diffkit import elbo, graph, losses, schedule, vae
from diffkit.gaussian import Gaussian
from diffkit.parameterize import convert

pytest_plugins = ["tests.device_fixtures"]

S = schedule.linear(20, 0.01, 0.4)


@pytest.fixture
def same(device):
    """Tries f on both devices; the answers agree and stay on the device."""

    def check(f, *tensors):
        here, there = f(*tensors), f(*(x.to(device) for x in tensors))
        assert there.device == device
        torch.testing.assert_close(there.cpu(), here, rtol=1e-9, atol=1e-11)

    return check


def data(*shape):
    g = torch.Generator().manual_seed(0)
    return torch.randn(4, 3, generator=g, dtype=torch.float64), torch.randn(*shape, generator=g, dtype=torch.float64)


def predictor(x, t):
    return torch.tanh(x) + 0.01 * t.unsqueeze(1)


@pytest.mark.parametrize("sigma", ["beta", "beta_tilde"])
def test_the_bound(sigma, same):
    x_0, noise = data(20, 4, 3)
    same(lambda x, n: elbo.evaluate(predictor, S.to(x.device), x, sigma=sigma, noise=n).total, x_0, noise)
    same(lambda x, n: elbo.rate_distortion(predictor, S.to(x.device), x, noise=n).rate, x_0, noise)
    same(lambda x, n: elbo.log_weight(predictor, S.to(x.device), elbo.path(S, x, noise=n), sigma=sigma), x_0, noise)


def test_a_schedule_on_the_cpu_serves_a_batch_on_the_gpu(same):
    x_0, noise = data(20, 4, 3)
    same(lambda x, n: elbo.evaluate(predictor, S, x, noise=n).total, x_0, noise)
    same(lambda x, n: losses.vlb(predictor, S, x, 3, noise=n), x_0, noise[0])


def test_pixels(same):
    x = (torch.arange(16, dtype=torch.float64) * 2 / 15 - 1).unsqueeze(1)
    same(lambda x: elbo.discretized_log_prob(Gaussian(0.5 * x, 0 * x + 0.01), x, 16), x)


def test_the_losses(same):
    x_0, noise = data(4, 3)
    same(lambda x, n: losses.simple(predictor, S, x, 5, noise=n), x_0, noise)
    same(lambda x: losses.implicit(torch.sin, x), x_0)
    same(lambda x, n: losses.sliced(torch.sin, x, directions=n.unsqueeze(0)), x_0, noise)
    same(lambda x, n: losses.denoising(torch.sin, x, 0.3, noise=n), x_0, noise)
    x_0, noise = data(2, 4, 3)
    sigmas = torch.tensor([0.1, 1.0])
    same(lambda x, n: losses.multilevel(lambda x, i: -x, x, sigmas, noise=n), x_0, noise)


def test_a_generator_on_the_gpu_draws_there(device):
    x_0 = torch.zeros(4, 3, device=device)
    g = torch.Generator(device).manual_seed(0)
    assert elbo.evaluate(predictor, S, x_0, generator=g).total.device == device
    assert losses.simple(predictor, S, x_0, losses.draw_t(S, x_0, generator=g), generator=g).shape == (4,)


@pytest.mark.parametrize("target", ["x0", "score", "v"])
def test_parameterizations(target, same):
    x_t, eps = data(4, 3)
    same(lambda e, x: convert(e, "eps", target, S, x, torch.tensor([1, 5, 10, 20], device=x.device)), eps, x_t)


def test_tables_and_networks(same):
    example = graph.dag("a -> c <- b")
    tables = graph.random_tables(example, 3, generator=torch.Generator().manual_seed(0))
    names = list(tables)
    same(lambda *t: graph.joint(example, dict(zip(names, t, strict=True))).p, *tables.values())
    same(lambda *t: graph.joint(example, dict(zip(names, t, strict=True))).information("a", "b", "c"), *tables.values())
    gain = torch.tensor(5.0, dtype=torch.float64)
    weights = lambda w: {("c", "a"): w, ("c", "b"): 1.0}  # noqa: E731
    var = lambda w: dict.fromkeys("abc", torch.ones_like(w))  # noqa: E731
    same(lambda w: graph.linear_gaussian(graph.examples.fork(), weights(w), var(w)).information("a", "b"), gain)


def test_levels_with_a_fixed_encoder(same):
    x_0, noise = data(20, 4, 3)
    decoder = lambda x, t: Gaussian(0.9 * x, torch.ones_like(x))  # noqa: E731
    same(lambda x, n: vae.fixed_encoder(x, S, decoder, noise=n).total, x_0, noise)
