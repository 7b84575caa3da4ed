"""Claims about the bound, each against brute force, as functions of the code under test.

The tests hand in the library's functions and expect silence; the trap tests hand in wrong copies and expect
an AssertionError.  Expectations over noise are integrals here: the trapezoid rule on the normal density, whose
error falls exponentially with the number of nodes, so nothing in this file is random.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from diffkit import schedule
from diffkit.elbo import Elbo, variance_table
from diffkit.forward import q_posterior
from diffkit.oracle import GaussianMixture
from diffkit.parameterize import Predictor
from diffkit.schedule import Schedule

F64 = torch.float64
Evaluate = Callable[..., Elbo]

MIX = GaussianMixture(
    torch.tensor([0.35, 0.65], dtype=F64),
    torch.tensor([[-0.8], [0.6]], dtype=F64),
    torch.tensor([[[0.16]], [[0.09]]], dtype=F64),
)


def schedule_of(T: int) -> Schedule:
    """The linear schedule of T = 1000, its betas stretched so that T steps add the same noise (T >= 50)."""
    return schedule.linear(T, 0.1 / T, 20 / T)


def best_predictor(mix: GaussianMixture, s: Schedule) -> Predictor:
    """E[eps | x_t]."""
    return lambda x, t: mix.eps(x, s.alpha_bar.sqrt()[t].to(x), s.noise_var.sqrt()[t].to(x))


def normal_nodes(n: int = 400, reach: float = 9.0) -> tuple[Tensor, Tensor]:
    """Nodes and weights for expectations under N(0, 1), (n,) each."""
    z = torch.linspace(-reach, reach, n, dtype=F64)
    w = torch.exp(-0.5 * z**2)
    return z, w / w.sum()


def mixture_nodes(mix: GaussianMixture, n: int = 60) -> tuple[Tensor, Tensor]:
    """Nodes (K n, 1) and weights (K n,) for expectations under a 1-D mixture."""
    z, w = normal_nodes(n)
    x = mix.means + mix.covs[:, 0].sqrt() * z
    return x.reshape(-1, 1), (mix.weights.unsqueeze(1) * w).flatten()


def expected(evaluate: Evaluate, s: Schedule, x_0: Tensor, *, mix: GaussianMixture = MIX, n: int = 400, **how) -> Elbo:
    """The terms of the bound with their expectation over the noise integrated.  x_0: (m, 1)."""
    z, w = normal_nodes(n)
    x = x_0.repeat_interleave(n, 0)
    noise = z.repeat(len(x_0)).unsqueeze(1).expand(s.T, -1, 1)
    terms = evaluate(best_predictor(mix, s), s, x, noise=noise, **how)
    mean = [torch.einsum("mn...,n->m...", term.unflatten(0, (len(x_0), n)), w) for term in terms]
    return Elbo(*mean)


def log_normal(x: Tensor, mean: Tensor, var: Tensor | float) -> Tensor:
    """Written out, so that it shares no code with the library."""
    var = torch.as_tensor(var, dtype=F64)
    return -0.5 * (x - mean) ** 2 / var - 0.5 * torch.log(2 * math.pi * var)


def by_definition(s: Schedule, x_0: Tensor, var: Tensor, mix: GaussianMixture = MIX) -> Elbo:
    """The terms as integrals of log densities, without any closed form of a KL.  x_0: (m, 1)."""
    z, w = normal_nodes()
    rows = [_by_definition_at(s, float(x), var, mix, z, w) for x in x_0]
    return Elbo(*(torch.stack(column) for column in zip(*rows, strict=True)))


def _by_definition_at(
    s: Schedule, x_0: float, var: Tensor, mix: GaussianMixture, z: Tensor, w: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    bar, alpha, beta = s.alpha_bar, s.alpha, s.beta

    def jump(t: int, x: Tensor) -> Tensor:
        return log_normal(x, bar[t].sqrt() * x_0, 1 - bar[t])

    x_T = bar[-1].sqrt() * x_0 + (1 - bar[-1]).sqrt() * z
    L_T = (w * (jump(s.T, x_T) - log_normal(x_T, 0 * x_T, 1))).sum()
    L_t = []
    for t in range(1, s.T + 1):
        x_t = bar[t].sqrt() * x_0 + (1 - bar[t]).sqrt() * z
        guess = mix.denoiser(x_t.unsqueeze(1), bar[t].sqrt(), (1 - bar[t]).sqrt())
        mean = q_posterior(s, guess, x_t.unsqueeze(1), t).mean  # (n, 1)
        if t == 1:
            L_0 = -(w * log_normal(torch.tensor(x_0, dtype=F64), mean[:, 0], var[1])).sum()
            continue
        # q(x_{t-1} | x_t, x_0) by Bayes' rule on a grid wide enough for it, instead of its closed form.
        grid = bar[t - 1].sqrt() * x_0 + (1 - bar[t - 1]).sqrt() * z
        log_q = log_normal(x_t.unsqueeze(1), alpha[t].sqrt() * grid, beta[t]) + jump(t - 1, grid)
        log_q = log_q - jump(t, x_t).unsqueeze(1)
        q = torch.exp(log_q) * (grid[1] - grid[0])
        L_t.append((w * (q * (log_q - log_normal(grid, mean, var[t]))).sum(1)).sum())
    return L_T, torch.stack(L_t), L_0


def short_schedule() -> Schedule:
    """Six strong steps: every term is large enough to be seen."""
    return schedule.linear(6, 0.05, 0.5)


def claim_each_term_is_its_integral(evaluate: Evaluate) -> None:
    """L_T, every L_{t-1} and L_0 equal their definitions, for both choices of sigma^2."""
    s, x_0 = short_schedule(), torch.tensor([[-1.1], [0.2], [0.9]], dtype=F64)
    for sigma in ("beta", "beta_tilde"):
        truth = by_definition(s, x_0, variance_table(s, sigma))
        found = expected(evaluate, s, x_0, sigma=sigma)
        for name in Elbo._fields:
            torch.testing.assert_close(
                getattr(found, name), getattr(truth, name), rtol=1e-9, atol=1e-12, msg=f"{sigma}, {name}"
            )


def gap(evaluate: Evaluate, s: Schedule, *, n: int = 150, m: int = 70, **how) -> float:
    """E over the data of (total + log p(x_0)), in nats: what the bound loses."""
    x_0, w = mixture_nodes(MIX, m)
    total = expected(evaluate, s, x_0, n=n, **how).total
    return float((w * (total + MIX.log_prob(x_0))).sum())


def gap_by_chain_rule(s: Schedule, var: Tensor, mix: GaussianMixture = MIX) -> float:
    """KL of the chains q and p = KL( q(x_T) || p(x_T) ) + sum_t E KL( q(x_{t-1} | x_t) || p(x_{t-1} | x_t) ).

    No bound, no x_0 behind a bar: the exact reverse kernels of the mixture against the model's, on grids.
    """
    level = [(float(a) ** 0.5, float(v) ** 0.5) for a, v in zip(s.alpha_bar, s.noise_var, strict=True)]
    grid = torch.linspace(-9, 9, 1200, dtype=F64).unsqueeze(1)
    h = float(grid[1] - grid[0])
    log_q = mix.noised(*level[-1]).log_prob(grid)
    total = float((torch.exp(log_q) * (log_q - log_normal(grid[:, 0], 0 * grid[:, 0], 1))).sum() * h)
    z = torch.linspace(-8, 8, 160, dtype=F64)
    for t in range(1, s.T + 1):
        alpha, sigma = level[t]
        weight = torch.exp(mix.noised(alpha, sigma).log_prob(grid)) * h
        mean = q_posterior(s, mix.denoiser(grid, alpha, sigma), grid, t).mean
        back = mix.reverse(grid, level[t - 1], level[t])
        # A grid around each posterior, in units of its widest component, shifted over all of them.
        spread = back.covs[:, :, 0, 0].sqrt().amax(1, keepdim=True)
        low, high = back.means[:, :, 0].amin(1, keepdim=True), back.means[:, :, 0].amax(1, keepdim=True)
        x = (low + high) / 2 + z * (spread + (high - low) / 2)
        parts = log_normal(x.unsqueeze(2), back.means[:, None, :, 0], back.covs[:, None, :, 0, 0])
        log_back = torch.logsumexp(back.weights.log().unsqueeze(1) + parts, 2)
        kl = (torch.exp(log_back) * (log_back - log_normal(x, mean, var[t]))).sum(1) * (x[:, 1] - x[:, 0])
        total += float((weight * kl).sum())
    return total


def claim_gap_is_the_divergence_of_the_chains(evaluate: Evaluate) -> None:
    """Averaged over the data, total - (-log p) is the KL divergence between the two chains, so it is > 0."""
    s = short_schedule()
    for sigma in ("beta", "beta_tilde"):
        truth, found = gap_by_chain_rule(s, variance_table(s, sigma)), gap(evaluate, s, sigma=sigma)
        assert math.isclose(found, truth, rel_tol=1e-6), (sigma, found, truth)
        assert found > 0


def claim_dimensions_add_up(evaluate: Evaluate) -> None:
    """Two independent coordinates cost the sum of both, term by term."""
    s = short_schedule()
    g = torch.Generator().manual_seed(0)
    x, noise = MIX.sample(10, generator=g).reshape(5, 2), torch.randn(6, 5, 2, generator=g, dtype=F64)
    one = best_predictor(MIX, s)

    def both(x_t: Tensor, t: Tensor) -> Tensor:
        return torch.cat([one(x_t[:, i : i + 1], t) for i in range(2)], 1)

    together = evaluate(both, s, x, noise=noise)
    apart = [evaluate(one, s, x[:, i : i + 1], noise=noise[..., i : i + 1]) for i in range(2)]
    for found, a, b in zip(together, *apart, strict=True):
        torch.testing.assert_close(found, a + b, rtol=1e-9, atol=1e-12)


def claim_bins_share_probability_one(evaluate: Evaluate) -> None:
    """exp(-L_0) summed over all values of a pixel is 1: a discretised L_0 is a probability, no density."""
    s, bins = short_schedule(), 16
    values = (2 * torch.arange(bins, dtype=F64) / (bins - 1) - 1).unsqueeze(1)
    for level in (-1.3, 0.1, 0.95):
        # The predictor steers every x_1 to the same mean, so that all values are judged by one distribution.
        def predictor(x_t: Tensor, t: Tensor, level: float = level) -> Tensor:
            keep = s.alpha[1].sqrt()
            return (x_t - keep * level) * s.noise_var[1].sqrt() / s.beta[1]

        terms = evaluate(predictor, s, values, noise=torch.zeros(6, bins, 1, dtype=F64), data="discrete", bins=bins)
        torch.testing.assert_close(torch.exp(-terms.L_0).sum(), torch.ones((), dtype=F64), rtol=1e-9, atol=0)


def claim_bits_per_dim_has_its_units(bits_per_dim: Callable[..., Tensor]) -> None:
    """256 equally likely values cost 8 bits each, as a probability and as a density on any scale."""
    dims = 12
    nats = torch.tensor([dims * math.log(256.0)], dtype=F64)
    assert math.isclose(float(bits_per_dim(nats, dims)), 8, rel_tol=1e-12)
    for low, high in ((-1.0, 1.0), (0.0, 1.0), (0.0, 256.0)):
        density = torch.tensor([dims * math.log(high - low)], dtype=F64)  # -log of the uniform density
        bits = bits_per_dim(density, dims, bin_width=(high - low) / 256)
        assert math.isclose(float(bits), 8, rel_tol=1e-12), (low, high, float(bits))
