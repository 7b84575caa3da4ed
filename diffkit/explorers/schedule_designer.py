"""Design a noise schedule and see at once whether T steps of it reach the noise that sampling starts from."""

import math
from typing import Any

import torch
from torch import Tensor
from traitlets import Bytes, Enum, Float, Int, Unicode, observe

from diffkit import data, plots
from diffkit.errors import DiffkitError, RangeError
from diffkit.explorers.base import Explorer, packed, script
from diffkit.figure import Figure
from diffkit.forward import kl_to_prior
from diffkit.schedule import Schedule, cosine, linear, sigmoid

MOST_POINTS = 400  # of a curve: more than its panel has pixels
MOST_STEPS = 10_000


class ScheduleDesigner(Explorer):
    """Curves of a schedule and its KL to the prior.  Every setting is a trait, so Python can set it too.

    A setting that the library refuses changes `error` alone: the curves stay those of `caption`.
    """

    _esm = script("schedule_designer.js")

    kind = Enum(["linear", "cosine", "sigmoid"], "linear").tag(sync=True)
    T = Float().tag(sync=True)  # a float, so that 2.5 reaches the library and is refused in its words
    beta_1 = Float(1e-4).tag(sync=True)
    beta_T = Float(0.02).tag(sync=True)
    s = Float(0.008).tag(sync=True)
    start = Float(-3).tag(sync=True)
    end = Float(3).tag(sync=True)

    curves = Bytes().tag(sync=True)  # (4, n) float64: t/T, log10 beta, alpha_bar, log10 SNR
    reference = Bytes().tag(sync=True)  # the same of DDPM's schedule
    digit_count = Int().tag(sync=True)
    kl = Float().tag(sync=True)  # nats, mean over the digits
    verdict = Unicode().tag(sync=True)
    caption = Unicode().tag(sync=True)
    error = Unicode().tag(sync=True)

    def __init__(self, T: int, digits: Tensor) -> None:
        self.digits = digits.double()
        reference = packed(curve_table(linear(1000)), "<f8")
        super().__init__(T=T, reference=reference, digit_count=len(digits))
        self._recompute()
        if self.error:
            raise RangeError(self.error)

    @observe("kind", "T", "beta_1", "beta_T", "s", "start", "end")
    def _recompute(self, _change: object = None) -> None:
        with self.hold_sync():  # one message, so that the browser never draws half an answer
            try:
                schedule = self._schedule()
            except DiffkitError as error:
                self.error = str(error)
                return
            self.error = ""
            self.schedule = schedule
            self.kl = float(kl_to_prior(schedule, self.digits).mean())
            self.verdict = verdict(self.kl)
            self.caption = self._caption()
            self.curves = packed(curve_table(schedule), "<f8")

    def _schedule(self) -> Schedule:
        T: Any = int(self.T) if float(self.T).is_integer() else self.T
        if self.T > MOST_STEPS:
            raise RangeError(f"T = {T}: this explorer goes up to {MOST_STEPS} steps")
        if self.kind == "linear":
            return linear(T, self.beta_1, self.beta_T)
        if self.kind == "cosine":
            return cosine(T, self.s)
        return sigmoid(T, self.start, self.end)

    def _caption(self) -> str:
        used = {"linear": ("beta_1", "beta_T"), "cosine": ("s",), "sigmoid": ("start", "end")}[self.kind]
        settings = "".join(f", {name} = {getattr(self, name):g}" for name in used)
        return f"{self.kind}, T = {self.T:g}{settings}"

    def picture(self) -> Figure:
        """The curves beside DDPM's."""
        rows = {
            "this schedule": curve_table(self.schedule),
            "DDPM: linear, T = 1000": curve_table(linear(1000)),
        }
        titles = (r"$\log_{10}\,\beta_t$", r"$\bar\alpha_t$", r"$\log_{10}$ SNR")
        panels = {
            title: {label: (table[0], table[k]) for label, table in rows.items()} for k, title in enumerate(titles, 1)
        }
        alt = f"beta, alpha_bar and SNR against t/T: {self.caption}, beside DDPM's schedule. {self.verdict}"
        return plots.curve_panels(panels, alt, x_label="t / T")


def schedule_designer(T: int = 1000, *, digits: Tensor | None = None) -> ScheduleDesigner:
    """An explorer of beta, alpha_bar, SNR and KL( q(x_T | x_0) || N(0, I) ).

    T: steps to begin with; digits: (n, *D) in [-1, 1], the x_0 of the KL, by default all of `data.digits()`.
    """
    return ScheduleDesigner(T, data.digits().images if digits is None else digits)


def curve_table(schedule: Schedule) -> Tensor:
    """The panels' lines, (4, n): t/T, log10 beta, alpha_bar, log10 SNR; nan where t = 0 has none."""
    T = schedule.T
    t = torch.linspace(0, T, min(T + 1, MOST_POINTS)).round().long()
    log_beta, log_snr = schedule.beta[t].log10(), schedule.snr[t].log10()
    log_beta[0] = log_snr[0] = torch.nan
    return torch.stack([t / T, log_beta, schedule.alpha_bar[t], log_snr])


def verdict(kl: float) -> str:
    """How far x_T is from noise, in words.

    A judge who sees x_T or noise, each half of the time, is right with probability at most 1/2 + TV/2, where
    the total variation TV is at most sqrt(KL/2) (Pinsker) and sqrt(1 - exp(-KL)) (Bretagnolle & Huber 1979).
    """
    variation = min(math.sqrt(kl / 2), math.sqrt(-math.expm1(-kl)))
    right = 50 + 50 * variation
    judge = f"No judge tells x_T from N(0, I) more than {right:.1f}% of the time; guessing gives 50%."
    advice = "Add steps or larger betas."
    if kl < 0.01:
        return f"Noise, for practical purposes. {judge}"
    if kl < 0.1:
        return f"Nearly noise. {judge}"
    if kl < 1:
        return f"Not yet noise. {judge} {advice}"
    return f"Far from noise: x_T still shows the digit, and sampling would start in the wrong place. {advice}"
