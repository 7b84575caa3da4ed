"""Noise schedules: how much noise each step of the forward process adds.

Index convention, everywhere in this package: t = 0..T, every table has T+1 entries, `beta[0] = 0` and
therefore `alpha_bar[0] = 1`.  Code and papers share one index; nothing is shifted by one.

Source: Ho et al. 2020 (DDPM), section 2; Nichol & Dhariwal 2021, eq. 17; Kingma et al. 2021 (log-SNR).
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError

Index = int | Tensor


def alongside(value: float | Tensor, x: Tensor) -> Tensor:
    """value in x's dtype and on x's device.  A number or a CPU tensor goes to a GPU without waiting for it."""
    if isinstance(value, Tensor):
        return value.to(x, non_blocking=value.is_cpu)
    made = torch.as_tensor(value, dtype=x.dtype)
    return made if x.is_cpu else made.to(x.device, non_blocking=True)


def broadcast(values: Tensor, x: Tensor) -> Tensor:
    """One coefficient per example, made to multiply x.

    values: () or (B,); x: (B, *D).  Returns values in x's dtype and device, shape () or (B, 1, .., 1).
    This is the only broadcasting helper: (B,) against (B, C, H, W) is silently wrong when B = W.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise RangeError(f"x is {kind}: pass a floating-point tensor, e.g. x.float()")
    values = alongside(values, x)
    if values.ndim == 0:
        return values
    if values.ndim != 1 or x.ndim == 0 or len(values) not in (1, len(x)):
        raise ShapeError(
            f"coefficients of shape {tuple(values.shape)} do not fit x of shape {tuple(x.shape)}: "
            "pass one t per example, e.g. t.expand(len(x))"
        )
    return values.reshape(-1, *[1] * (x.ndim - 1))


@dataclass(frozen=True, eq=False)  # comparing tensors with == raises, so equality is identity
class Schedule:
    """A variance-preserving noise schedule, fixed by its betas.

    beta: (T+1,), with beta[0] = 0 and 0 < beta[t] < 1 for t = 1..T.  Kept in float64.
    Raises ShapeError or RangeError when the table is not of this form.
    """

    beta: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "beta", _checked_beta(self.beta))

    @property
    def T(self) -> int:
        """Number of steps."""
        return len(self.beta) - 1

    @cached_property
    def alpha(self) -> Tensor:
        """alpha_t = 1 - beta_t, (T+1,)."""
        return 1 - self.beta

    @cached_property
    def alpha_bar(self) -> Tensor:
        """alpha_bar_t = alpha_1 ... alpha_t, (T+1,), alpha_bar[0] = 1.  Ho et al. 2020, eq. 4."""
        return torch.cumprod(self.alpha, 0)

    @cached_property
    def noise_var(self) -> Tensor:
        """1 - alpha_bar_t, (T+1,), without the cancellation that the subtraction suffers at small t."""
        return 0.0 - torch.expm1(torch.cumsum(torch.log1p(-self.beta), 0))  # a plain minus would make -0 of 0

    @cached_property
    def beta_tilde(self) -> Tensor:
        """Variance of q(x_{t-1} | x_t, x_0), (T+1,), beta_tilde[0] = beta_tilde[1] = 0.  Ho et al. 2020, eq. 7."""
        out = torch.zeros_like(self.beta)
        out[1:] = self.noise_var[:-1] / self.noise_var[1:] * self.beta[1:]
        return out

    @cached_property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio alpha_bar_t / (1 - alpha_bar_t), (T+1,), infinite at t = 0.  Kingma et al. 2021."""
        return self.alpha_bar / self.noise_var

    def at(self, table: Tensor, t: Index, x: Tensor) -> Tensor:
        """The entries `table[t]`, ready to multiply x.

        table: (T+1,); t: an int, or (B,) integers in 0..T; x: (B, *D).
        Returns () or (B, 1, .., 1) in x's dtype: without that cast a float32 batch becomes float64.
        """
        t = self.check_t(t)
        return broadcast(table[t if t.is_cpu else t.to(table.device)], x)  # one t on the CPU makes no GPU wait

    def check_t(self, t: Index, lowest: int = 0) -> Tensor:
        """t as a LongTensor, after checking lowest <= t <= T.

        On a GPU the range is left to the indexing itself: reading it here would stall the device.
        """
        t = torch.as_tensor(t)
        if t.is_floating_point() or t.is_complex() or t.dtype == torch.bool:
            raise RangeError(f"t has dtype {t.dtype}: t counts steps, so pass integers, e.g. t.long()")
        if t.device.type == "cpu" and t.numel() and (t.min() < lowest or t.max() > self.T):
            raise RangeError(
                f"t runs from {int(t.min())} to {int(t.max())}, but this schedule has t = {lowest}..{self.T}"
            )
        return t.long()

    def to(self, device: torch.device | str) -> "Schedule":
        """The same schedule with its tables on another device."""
        return Schedule(self.beta.to(device))

    def __repr__(self) -> str:
        return f"Schedule(T={self.T}, alpha_bar_T={float(self.alpha_bar[-1]):.3g})"


def linear(T: int, beta_1: float = 1e-4, beta_T: float = 0.02, *, device: torch.device | str = "cpu") -> Schedule:
    """betas on a straight line from beta_1 at t = 1 to beta_T at t = T.  Ho et al. 2020, section 4."""
    check_number_of_steps(T)
    beta = torch.zeros(T + 1, dtype=torch.float64, device=device)
    beta[1:] = torch.linspace(beta_1, beta_T, T, dtype=torch.float64, device=device)
    return Schedule(beta)


def cosine(T: int, s: float = 0.008, beta_max: float = 0.999, *, device: torch.device | str = "cpu") -> Schedule:
    """alpha_bar_t = f(t)/f(0) with f(t) = cos^2(pi/2 (t/T + s)/(1 + s)).  Nichol & Dhariwal 2021, eq. 17.

    beta is clipped at beta_max, because f(T) = 0 would ask for beta_T = 1.
    """
    check_number_of_steps(T)
    u = torch.arange(T + 1, dtype=torch.float64, device=device) / T
    f = torch.cos(torch.pi / 2 * (u + s) / (1 + s)) ** 2
    return from_alpha_bar(f / f[0], beta_max=beta_max)


def sigmoid(
    T: int,
    start: float = -3.0,
    end: float = 3.0,
    tau: float = 1.0,
    beta_max: float = 0.999,
    *,
    device: torch.device | str = "cpu",
) -> Schedule:
    """alpha_bar falls like a sigmoid between start and end, rescaled to run from 1 to 0.  Jabri et al. 2022, alg. 1."""
    check_number_of_steps(T)
    if not tau > 0 or not start < end:
        raise RangeError(f"sigmoid needs start < end and tau > 0, got start = {start}, end = {end}, tau = {tau}")
    u = torch.arange(T + 1, dtype=torch.float64, device=device) / T
    v_start, v_end = torch.sigmoid(torch.tensor([start / tau, end / tau], dtype=torch.float64, device=device))
    v = torch.sigmoid((u * (end - start) + start) / tau)
    return from_alpha_bar((v_end - v) / (v_end - v_start), beta_max=beta_max)


def from_alpha_bar(alpha_bar: Tensor, *, beta_max: float = 0.999) -> Schedule:
    """The schedule with these alpha_bar: beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}, clipped at beta_max.

    alpha_bar: (T+1,), starting at 1 and falling.
    """
    alpha_bar = _real_table(alpha_bar, "alpha_bar")
    if alpha_bar.ndim != 1 or len(alpha_bar) < 2:
        raise ShapeError(f"alpha_bar has shape {tuple(alpha_bar.shape)}: pass one value per t = 0..T, shape (T+1,)")
    if not bool(torch.isfinite(alpha_bar).all()) or abs(float(alpha_bar[0]) - 1) > 1e-12:
        raise RangeError("alpha_bar must be finite and start at alpha_bar[0] = 1 (no noise at t = 0)")
    if bool((alpha_bar[1:] >= alpha_bar[:-1]).any()) or bool((alpha_bar < 0).any()):
        raise RangeError("alpha_bar must fall with t and stay >= 0: each step adds noise and none takes any away")
    beta = torch.zeros_like(alpha_bar)
    beta[1:] = (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp(max=beta_max)
    return Schedule(beta)


def from_log_snr(log_snr: Tensor) -> Schedule:
    """The schedule with these log signal-to-noise ratios: alpha_bar_t = sigmoid(log SNR_t).

    Source: Kingma et al. 2021, eqs. 3 and 4.

    log_snr: (T,), falling; entry i belongs to t = i+1 (at t = 0 the ratio is infinite).
    """
    log_snr = _real_table(log_snr, "log_snr")
    if log_snr.ndim != 1 or not len(log_snr):
        raise ShapeError(f"log_snr has shape {tuple(log_snr.shape)}: pass one value per t = 1..T, shape (T,)")
    one = torch.ones(1, dtype=torch.float64, device=log_snr.device)
    return from_alpha_bar(torch.cat([one, torch.sigmoid(log_snr)]), beta_max=1 - 1e-12)


def _real_table(table: Tensor, name: str) -> Tensor:
    if not isinstance(table, Tensor) or table.is_complex():
        kind = table.dtype if isinstance(table, Tensor) else type(table).__name__
        raise RangeError(f"{name} is {kind}: pass a tensor of real numbers")
    return table.double()


def check_number_of_steps(T: int) -> None:
    """Raise RangeError unless T is a whole number, at least 1."""
    if not isinstance(T, int) or isinstance(T, bool) or T < 1:
        raise RangeError(f"T = {T!r}: the number of steps must be a whole number, at least 1")


def _checked_beta(beta: Tensor) -> Tensor:
    if not isinstance(beta, Tensor) or beta.ndim != 1 or len(beta) < 2:
        shape = tuple(beta.shape) if isinstance(beta, Tensor) else type(beta).__name__
        raise ShapeError(f"beta is {shape}: pass a tensor of shape (T+1,), one beta per t = 0..T with beta[0] = 0")
    beta = _real_table(beta, "beta").detach()
    if not bool(torch.isfinite(beta).all()):
        raise RangeError("beta has entries that are not finite")
    if float(beta[0]) != 0:
        raise RangeError(f"beta[0] = {float(beta[0]):g}: it must be 0, because t = 0 is the clean data")
    if bool((beta[1:] <= 0).any()) or bool((beta[1:] >= 1).any()):
        raise RangeError("beta must lie strictly between 0 and 1 for t = 1..T: it is the variance of the added noise")
    return beta
