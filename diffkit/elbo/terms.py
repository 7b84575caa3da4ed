"""The variational bound of a diffusion model, term by term.

-log p(x_0)  <=  L_T + sum over t = 2..T of L_{t-1} + L_0,  with
    L_T     = KL( q(x_T | x_0) || p(x_T) )
    L_{t-1} = E KL( q(x_{t-1} | x_t, x_0) || p(x_{t-1} | x_t) )
    L_0     = E[ -log p(x_0 | x_1) ]
The step t = 1 stands apart, since q(x_0 | x_1, x_0) is a point: there is no density to compare with.  Both
Gaussians of L_{t-1} are isotropic and their means differ by a multiple of the error in eps, so that
    L_{t-1} = lambda_t ||eps - eps_hat||^2 + D/2 (r - 1 - log r),
    lambda_t = beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t)),   r = beta_tilde_t / sigma_t^2.

Source: Ho et al. 2020, eq. 5, 11, 12; Nichol & Dhariwal 2021, eq. 15.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from diffkit.elbo.discrete import discretized_log_prob
from diffkit.elbo.rows import Draws, Rows, check_draws, over_t
from diffkit.errors import RangeError, ShapeError
from diffkit.forward import kl_to_prior, q_posterior
from diffkit.gaussian import Gaussian, kl, sum_event
from diffkit.parameterize import Predictor
from diffkit.schedule import Index, Schedule

Data = Literal["continuous", "discrete"]
FixedSigma = Literal["beta", "beta_tilde"] | Tensor
"""How sigma_t^2, the variance of p(x_{t-1} | x_t), is chosen: by name, or as a table (T+1,) of variances."""
Sigma = FixedSigma | Callable[[Tensor, Tensor], Tensor]
"""The same, or learned: a function of (x_t, t) whose result broadcasts to x_t."""


class Elbo(NamedTuple):
    """Terms of the bound on -log p(x_0), in nats per example, summed over dimensions."""

    L_T: Tensor  # (B,)
    L_t: Tensor  # (B, T-1): column i belongs to t = i + 2 and is the term that Ho et al. call L_{t-1}
    L_0: Tensor  # (B,)

    @property
    def total(self) -> Tensor:
        """L_T + sum of L_t + L_0, (B,): an estimate of the upper bound on -log p(x_0)."""
        return self.L_T + self.L_t.sum(1) + self.L_0


def evaluate(
    predictor: Predictor,
    s: Schedule,
    x_0: Tensor,
    *,
    sigma: Sigma = "beta",
    data: Data = "continuous",
    bins: int = 256,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
    chunk_size: int | None = None,
) -> Elbo:
    """The bound at every t, batched over t.  Each expectation is estimated by one draw per t and example.

    predictor: f(x_t, t) of eps, x_t: (n, *D), t: (n,); see `parameterize.predicting` for x0, score and v.
    x_0: (B, *D); for data="discrete" on the grid of `bins` values in [-1, 1], else L_0 is a density.
    noise: (T, B, *D), noise[t - 1] makes x_t; without it, drawn with the generator as the rows come, so
    that the draw depends on chunk_size too.
    chunk_size: rows (pairs of t and example) per call of the predictor.
    Gradients flow as usual: call it under torch.no_grad() to measure.
    Raises RangeError or ShapeError for input of another form.
    """
    check_data(data)
    draws = check_draws(s, x_0, Draws(noise, generator, chunk_size))
    if not callable(sigma):
        sigma = variance_table(s, sigma)

    def nll(r: Rows) -> Tensor:
        p = p_reverse(s, r.eps, r.x_t, r.t, sigma)
        return -(p.log_prob(r.x_0) if data == "continuous" else discretized_log_prob(p, r.x_0, bins))

    L_0 = over_t(predictor, s, x_0, range(1, 2), nll, draws)[:, 0]
    return Elbo(kl_to_prior(s, x_0), _middle_terms(predictor, s, x_0, sigma, draws), L_0)


def check_data(data: Data) -> None:
    """Raise RangeError unless data is "continuous" or "discrete"."""
    if data not in get_args(Data):
        raise RangeError(f"data = {data!r}: choose one of {', '.join(get_args(Data))}")


def _middle_terms(predictor: Predictor, s: Schedule, x_0: Tensor, sigma: Sigma, draws: Draws) -> Tensor:
    t = range(2, s.T + 1)
    if not t:
        return x_0.new_zeros(len(x_0), 0)
    if callable(sigma):

        def divergence(r: Rows) -> Tensor:
            return kl(q_posterior(s, r.x_0, r.x_t, r.t), p_reverse(s, r.eps, r.x_t, r.t, sigma))

        return over_t(predictor, s, x_0, t, divergence, draws)
    return terms_from_errors(s, over_t(predictor, s, x_0, t, squared_error, draws), sigma, x_0[0].numel())


def terms_from_errors(s: Schedule, errors: Tensor, sigma: FixedSigma, dims: int) -> Tensor:
    """L_{t-1} for t = 2..T from ||eps - eps_hat||^2.  errors: (B, T-1).  Returns (B, T-1) nats."""
    ratio = s.beta_tilde[2:] / variance_table(s, sigma)[2:]
    constant = dims / 2 * (ratio - 1 - torch.log(ratio))
    return weights(s, sigma)[2:].to(errors) * errors + constant.to(errors)


def squared_error(r: Rows) -> Tensor:
    """||eps - eps_hat||^2, summed over dimensions, (n,)."""
    return sum_event((r.noise - r.eps) ** 2)


def weights(s: Schedule, sigma: FixedSigma = "beta") -> Tensor:
    """lambda_t = beta_t^2 / (2 sigma_t^2 alpha_t (1 - alpha_bar_t)), (T+1,), lambda_0 = 0.

    Ho et al. 2020, eq. 12.  At t = 1 it is the weight inside L_0, when L_0 is a density.
    """
    out = torch.zeros_like(s.beta)
    var = variance_table(s, sigma)
    out[1:] = s.beta[1:] ** 2 / (2 * var[1:] * s.alpha[1:] * s.noise_var[1:])
    return out


def p_reverse(s: Schedule, eps: Tensor, x_t: Tensor, t: Index, sigma: Sigma = "beta") -> Gaussian:
    """p(x_{t-1} | x_t), t in 1..T, from the predicted noise.  eps, x_t: (B, *D).  Ho et al. 2020, eq. 11."""
    t = s.check_t(t, lowest=1)
    mean = (x_t - s.at(s.beta, t, x_t) / s.at(s.noise_var.sqrt(), t, x_t) * eps) / s.at(s.alpha.sqrt(), t, x_t)
    var = sigma(x_t, t) if callable(sigma) else s.at(variance_table(s, sigma), t, x_t)
    return Gaussian(mean, var)


def variance_table(s: Schedule, sigma: FixedSigma) -> Tensor:
    """sigma_t^2 for t = 0..T, (T+1,), positive from t = 1 on.

    "beta" is right when x_0 is standard normal, "beta_tilde" when x_0 is a point (Ho et al. 2020, section 3.2).
    beta_tilde_1 = 0 is no variance for a density; like Nichol & Dhariwal 2021 we put beta_tilde_2 (beta_1 if T = 1).
    """
    if isinstance(sigma, Tensor):
        if sigma.shape != s.beta.shape:
            raise ShapeError(f"sigma is {tuple(sigma.shape)}: pass variances sigma_t^2 for t = 0..T, {(s.T + 1,)}")
        if sigma.device.type == "cpu" and not bool(((sigma[1:] > 0) & torch.isfinite(sigma[1:])).all()):
            raise RangeError("sigma must hold finite variances sigma_t^2 > 0 for t = 1..T")
        return sigma.to(s.beta)
    if isinstance(sigma, str) and sigma == "beta":
        return s.beta
    if isinstance(sigma, str) and sigma == "beta_tilde":
        out = s.beta_tilde.clone()
        out[1] = out[2] if s.T > 1 else s.beta[1]
        return out
    raise RangeError(f"sigma = {sigma!r}: choose beta, beta_tilde, or pass the variances sigma_t^2 as a tensor")


def interpolated_variance(s: Schedule, v: Tensor, t: Index) -> Tensor:
    """A learned variance between the two bounds: exp(v log beta_t + (1 - v) log beta_tilde_t), v in 0..1.

    v: (B, *D), a network's output.  Nichol & Dhariwal 2021, eq. 15.
    """
    t = s.check_t(t, lowest=1)
    high, low = (s.at(variance_table(s, name).log(), t, v) for name in ("beta", "beta_tilde"))
    return torch.exp(v * high + (1 - v) * low)
