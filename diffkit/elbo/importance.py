"""The importance-weighted bound: K trajectories instead of one bring the bound closer to log p(x_0).

    log p(x_0)  >=  E log (1/K) sum_k w_k,    w_k = p(x_{0:T}) / q(x_{1:T} | x_0) on trajectory k ~ q(x_{1:T} | x_0).
K = 1 is the ordinary bound, and the gap closes as K grows.

Source: Burda et al. 2016, eq. 8.
"""

import math

import torch
from torch import Tensor

from diffkit.elbo.discrete import discretized_log_prob
from diffkit.elbo.rows import chunk_of, predict
from diffkit.elbo.terms import Data, Sigma, check_data, p_reverse
from diffkit.errors import RangeError
from diffkit.forward import q_marginal, q_posterior
from diffkit.gaussian import Gaussian
from diffkit.inputs import check_batch, noise_like
from diffkit.parameterize import Predictor
from diffkit.schedule import Schedule


def importance_weighted(
    predictor: Predictor,
    s: Schedule,
    x_0: Tensor,
    K: int,
    *,
    sigma: Sigma = "beta",
    data: Data = "continuous",
    bins: int = 256,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
) -> Tensor:
    """One estimate per example of a lower bound on log p(x_0), (B,) nats, from K trajectories.

    The other arguments are those of `evaluate`.  The network sees all T levels of a trajectory in chunks.
    """
    if K < 1:
        raise RangeError(f"K = {K}: at least one trajectory is needed")

    def one() -> Tensor:
        x = path(s, x_0, generator=generator)
        return log_weight(predictor, s, x, sigma=sigma, data=data, bins=bins, chunk_size=chunk_size)

    log_w = [one() for _ in range(K)]
    return torch.logsumexp(torch.stack(log_w), 0) - math.log(K)


def path(s: Schedule, x_0: Tensor, *, noise: Tensor | None = None, generator: torch.Generator | None = None) -> Tensor:
    """x_0, x_1, .., x_T from the forward process, (T+1, B, *D), without a loop over t.  noise: (T, B, *D).

    Divided by sqrt(alpha_bar_t), the chain is a random walk: each step adds sqrt(beta_t / alpha_bar_t) noise_t.
    """
    noise = noise_like(check_batch(x_0).expand(s.T, *x_0.shape), noise, generator)
    t = torch.arange(1, s.T + 1, device=x_0.device)
    walk = x_0 + torch.cumsum(s.at((s.beta / s.alpha_bar).sqrt(), t, noise) * noise, 0)
    return torch.cat([x_0.unsqueeze(0), s.at(s.alpha_bar.sqrt(), t, noise) * walk])


def log_weight(
    predictor: Predictor,
    s: Schedule,
    x: Tensor,
    *,
    sigma: Sigma = "beta",
    data: Data = "continuous",
    bins: int = 256,
    chunk_size: int | None = None,
) -> Tensor:
    """log p(x_{0:T}) - log q(x_{1:T} | x_0) along one trajectory per example, (B,).  x: (T+1, B, *D).

    With q(x_{1:T} | x_0) = q(x_T | x_0) prod_{t>1} q(x_{t-1} | x_t, x_0), its factors stand one against one.
    """
    check_data(data)
    T, B = s.T, x.shape[1]
    t = torch.arange(1, T + 1, device=x.device).repeat_interleave(B)
    before, after, start = (
        x[:-1].flatten(0, 1),
        x[1:].flatten(0, 1),
        x[:1].expand(T, *x.shape[1:]).flatten(0, 1),
    )
    eps = predict(predictor, after, t, chunk_of(x[0], chunk_size, len(t)))
    p = p_reverse(s, eps, after, t, sigma)
    q = q_posterior(s, start[B:], after[B:], t[B:])
    step = p.log_prob(before)
    if data == "discrete":
        step = torch.cat(
            [discretized_log_prob(Gaussian(p.mean[:B], p.var.expand_as(p.mean)[:B]), x[0], bins), step[B:]]
        )
    prior = Gaussian(torch.zeros_like(x[-1]), torch.ones_like(x[-1]))
    ends = prior.log_prob(x[-1]) - q_marginal(s, x[0], T).log_prob(x[-1])
    return ends + step.reshape(T, B).sum(0) - q.log_prob(before[B:]).reshape(T - 1, B).sum(0)
