"""The forward process at every t: the density of a one-dimensional mixture, and one noisy digit.

All frames are computed here, once; the browser only picks the frame that belongs to the slider.
"""

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List, observe, validate

from diffkit import data, plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers.base import Explorer, on_the_line, packed, script
from diffkit.figure import Figure
from diffkit.forward import kl_to_prior, q_sample
from diffkit.gaussian import Gaussian, randn_like
from diffkit.oracle import GaussianMixture
from diffkit.schedule import Schedule, linear

GRID_SIZE = 256
MOST_STEPS = 2000  # each step sends GRID_SIZE numbers per line to the browser


class ForwardProcess(Explorer):
    """One slider, t = 0..T.  Python may set `t` too, and `draws`, which counts the demands for new noise."""

    _esm = script("forward_process.js")

    t = Int().tag(sync=True)
    draws = Int().tag(sync=True)
    T = Int().tag(sync=True)
    x_range = List(Float()).tag(sync=True)
    grid_size = Int(GRID_SIZE).tag(sync=True)
    density_top = Float().tag(sync=True)  # the density that the count 65535 stands for
    density = Bytes().tag(sync=True)  # (T+1, G) uint16
    components = Bytes().tag(sync=True)  # (K, T+1, G) uint16; they sum to the density
    prior = Bytes().tag(sync=True)  # (G,) uint16
    tables = Bytes().tag(sync=True)  # (3, T+1) float64: alpha_bar, SNR, KL in nats
    image_shape = List(Int()).tag(sync=True)
    frames = Bytes().tag(sync=True)  # (T+1, H, W) uint8

    def __init__(
        self, schedule: Schedule, mixture: GaussianMixture, digit: Tensor, generator: torch.Generator | None
    ) -> None:
        self.schedule, self.mixture, self.digit, self.generator = schedule, mixture, digit, generator
        self.x = _grid(mixture)
        self.p, parts = density_tables(schedule, mixture, self.x)
        self.p_prior = Gaussian(torch.zeros_like(self.x), torch.ones_like(self.x)).log_prob(self.x).exp()
        top = 1.05 * float(torch.maximum(self.p.max(), self.p_prior.max()))
        self.kl = kl_to_prior(schedule, self._digit_at_every_step(), torch.arange(schedule.T + 1))
        super().__init__(
            T=schedule.T,
            t=schedule.T // 5,
            x_range=[float(self.x[0]), float(self.x[-1])],
            density_top=top,
            density=_counts(self.p / top, 65535),
            components=_counts(parts / top, 65535),
            prior=_counts(self.p_prior / top, 65535),
            tables=packed(torch.stack([schedule.alpha_bar, schedule.snr, self.kl]), "<f8"),
            image_shape=list(digit.shape),
        )
        self._draw_noise()

    @validate("t")
    def _check_t(self, proposal: dict[str, int]) -> int:
        self.schedule.check_t(proposal["value"])
        return proposal["value"]

    @observe("draws")
    def _draw_noise(self, _change: object = None) -> None:
        """New noise, one for all t: x_t moves along a straight path from the digit to that noise."""
        noise = randn_like(self.digit.double(), self.generator)
        x_0, steps = self._digit_at_every_step(), torch.arange(self.schedule.T + 1)
        self.x_t = q_sample(self.schedule, x_0, steps, noise=noise.expand_as(x_0))
        black, white = plots.GRAY_RANGE
        self.frames = _counts((self.x_t - black) / (white - black), 255)

    def _digit_at_every_step(self) -> Tensor:
        return self.digit.double().expand(self.schedule.T + 1, *self.digit.shape)

    def picture(self) -> Figure:
        """The density at the present t beside the digit, clean and noisy."""
        t, T = self.t, self.schedule.T
        alpha_bar, snr, kl = (float(table[t]) for table in (self.schedule.alpha_bar, self.schedule.snr, self.kl))
        alt = (
            f"Forward process at t = {t} of {T}: the density of x_t beside N(0, 1), and a digit before and "
            f"after noise. alpha_bar = {alpha_bar:.3g}, SNR = {snr:.3g}, KL to N(0, I) = {kl:.3g} nats."
        )
        lines = {f"$x_{{{t}}}$": self.p[t], "N(0, 1)": self.p_prior}
        images = torch.stack([self.digit.double(), self.x_t[t]])
        return plots.density_and_images(self.x, lines, images, ["$x_0$", f"$x_{{{t}}}$"], alt)


def forward_process(
    schedule: Schedule | None = None,
    mixture: GaussianMixture | None = None,
    digit: Tensor | None = None,
    *,
    generator: torch.Generator | None = None,
) -> ForwardProcess:
    """An explorer of q(x_t | x_0): a slider over t moves a density on the line and a digit towards noise.

    schedule: T up to 2000, the default is DDPM's; mixture: one-dimensional, the default is `data.bumps()`;
    digit: (H, W) or (1, H, W) in [-1, 1], the default is the first 3 of the digits.
    """
    schedule = linear(1000) if schedule is None else schedule.to("cpu")
    mixture = on_the_line(mixture, data.bumps)
    if digit is None:
        images, labels = data.digits()
        digit = images[labels == 3][0]
    digit = digit.detach().cpu().squeeze(0) if digit.ndim == 3 else digit.detach().cpu()
    if digit.ndim != 2:
        raise ShapeError(f"digit has shape {tuple(digit.shape)}: pass one gray image, (H, W) or (1, H, W)")
    if schedule.T > MOST_STEPS:
        raise RangeError(f"T = {schedule.T}: this explorer holds every frame, so pass a schedule of T <= {MOST_STEPS}")
    return ForwardProcess(schedule, mixture, digit, generator)


def density_tables(schedule: Schedule, mixture: GaussianMixture, x: Tensor) -> tuple[Tensor, Tensor]:
    """The density of x_t at every step, (T+1, G), and its weighted components, (K, T+1, G).  x: (G,)."""
    T, G = schedule.T, len(x)
    points = x.to(mixture.means).repeat(T + 1).unsqueeze(1)
    levels = (schedule.alpha_bar.sqrt().repeat_interleave(G), schedule.noise_var.sqrt().repeat_interleave(G))
    p = mixture.log_prob(points, *levels).exp()
    parts = p.unsqueeze(1) * mixture.responsibilities(points, *levels)
    return p.reshape(T + 1, G), parts.mT.reshape(-1, T + 1, G)


def _grid(mixture: GaussianMixture) -> Tensor:
    """GRID_SIZE points that hold the mixture and N(0, 1) out to 3.5 standard deviations."""
    mean, std = mixture.means[:, 0], mixture.covs[:, 0, 0].sqrt()
    if bool((std == 0).any()):
        raise RangeError("a component has variance 0, so x_0 has no density: give it a small variance")
    reach = float(torch.maximum((mean.abs() + 3.5 * std).max(), torch.tensor(3.5)))
    return torch.linspace(-reach, reach, GRID_SIZE, dtype=torch.float64)


def _counts(fraction: Tensor, most: int) -> bytes:
    """Fractions in [0, 1] as whole numbers 0..most, the nearest ones."""
    return packed((fraction.clamp(0, 1) * most).round(), "<u2" if most > 255 else "u1")
