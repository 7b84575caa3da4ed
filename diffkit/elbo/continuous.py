"""The diffusion part of the bound in continuous time, where a schedule can be learned.

With infinitely many steps the sum of the L_t becomes an integral over u in [0, 1],
    L_inf(x_0) = 1/2 E over u, eps of  -(d log SNR / du) ||eps - eps_hat(x_u, log SNR(u))||^2.
Written as an integral over log SNR, u disappears: only the ends of log SNR matter for the value.

Source: Kingma et al. 2021, eq. 17 and 18.  Their gamma is minus our log SNR.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.errors import ShapeError
from diffkit.gaussian import sum_event
from diffkit.inputs import check_batch, check_like, noise_like
from diffkit.schedule import broadcast

LogSnrPredictor = Callable[[Tensor, Tensor], Tensor]
"""f(x_u, log_snr): x_u (B, *D); log_snr (B,); returns the predicted eps (B, *D)."""


def continuous(
    predictor: LogSnrPredictor,
    log_snr: Callable[[Tensor], Tensor],
    x_0: Tensor,
    u: Tensor,
    *,
    noise: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """One-draw estimates of L_inf, (B,) nats, one u per example; their mean over u ~ U(0, 1) and noise is L_inf.

    x_0: (B, *D); u: (B,) in [0, 1]; log_snr: a falling differentiable function of u, such as `nets.LogSnr`.
    Gradients flow to predictor and log_snr; minimising the mean of the square over the inside of log_snr makes the
    estimate vary less and leaves its expectation alone.  Raises ShapeError or RangeError for input of another form.
    """
    check_batch(x_0)
    if u.shape != (len(x_0),) or not u.is_floating_point():
        raise ShapeError(f"u is {u.dtype} {tuple(u.shape)}: pass one time in [0, 1] per example, ({len(x_0)},)")
    noise = noise_like(x_0, noise, generator)
    ratio, slope = _with_slope(log_snr, u)
    signal, sigma = torch.sigmoid(ratio).sqrt(), torch.sigmoid(-ratio).sqrt()
    x_u = broadcast(signal, x_0) * x_0 + broadcast(sigma, x_0) * noise
    eps = check_like(predictor(x_u, ratio), x_0, "the prediction")
    return -0.5 * slope.to(x_0) * sum_event((noise - eps) ** 2)


def _with_slope(log_snr: Callable[[Tensor], Tensor], u: Tensor) -> tuple[Tensor, Tensor]:
    """log SNR and its derivative at u; differentiable when the caller is."""
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        u = u.detach().requires_grad_()
        value = log_snr(u)
        (slope,) = torch.autograd.grad(value.sum(), u, create_graph=keep)
    return (value, slope) if keep else (value.detach(), slope)
