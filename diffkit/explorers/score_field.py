"""The score as arrows at every noise level: the true one, a learned one, and the difference.

All frames are computed here, once; the browser only picks the frame that belongs to the slider.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from traitlets import Bytes, Float, Int, List, validate

from diffkit import data, plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers.base import Explorer, in_the_plane, packed, script
from diffkit.figure import Figure
from diffkit.oracle import GaussianMixture

Learned = Callable[[Tensor, float], Tensor]
"""f(x, sigma): x (n, 2) float64; returns the score of the data plus noise of standard deviation sigma, (n, 2)."""

SIDE, REACH = 17, 2.4  # arrows on SIDE x SIDE places of [-REACH, REACH]^2
PIXELS = 49  # of the shading behind them
UNIT = 1.5  # sigma * score of this length takes three quarters of the way to the next arrow
MOST_LEVELS = 60
TITLES = ("true", "learned", "learned − true")


class ScoreField(Explorer):
    """One slider over the noise levels.  Python may set `level`, the index into `sigmas`."""

    _esm = script("score_field.js")

    level = Int().tag(sync=True)
    sigmas = List(Float()).tag(sync=True)
    side = Int(SIDE).tag(sync=True)
    pixels = Int(PIXELS).tag(sync=True)
    reach = Float(REACH).tag(sync=True)
    arrows = Bytes().tag(sync=True)  # (S, 3, SIDE^2, 2) float32, softened, in data units
    shades = Bytes().tag(sync=True)  # (S, 2, PIXELS, PIXELS) uint8: density; density times squared error
    tables = Bytes().tag(sync=True)  # (3, S) float64: floor, error, their sum, of the noise loss
    dots = Bytes().tag(sync=True)  # (n, 2) float32: data that the learned score knows, if told

    def __init__(self, mixture: GaussianMixture, learned: Learned, sigmas: Tensor, dots: Tensor) -> None:
        self.mixture, self.learned = mixture, learned
        self.places, self.fields, self.shade, self.numbers = frames(mixture, learned, sigmas)
        step = 2 * REACH / (SIDE - 1)
        super().__init__(
            level=len(sigmas) // 2,
            sigmas=sigmas.tolist(),
            arrows=packed(plots.shortened(self.fields, UNIT, 0.95 * step), "<f4"),
            shades=packed((self.shade * 255).round(), "u1"),
            tables=packed(self.numbers, "<f8"),
            dots=packed(dots, "<f4"),
        )

    @validate("level")
    def _check_level(self, proposal: dict[str, int]) -> int:
        if not 0 <= proposal["value"] < len(self.sigmas or [0]):
            raise RangeError(f"level = {proposal['value']}: there are {len(self.sigmas)} noise levels, counted from 0")
        return proposal["value"]

    def picture(self) -> Figure:
        """The three fields at the present noise level."""
        floor, error, total = (float(row[self.level]) for row in self.numbers)
        alt = (
            f"Three fields of arrows at sigma = {self.sigmas[self.level]:.3g}: the true score, a learned score, and "
            f"their difference. Noise loss {total:.3g} = floor {floor:.3g} + error {error:.3g}."
        )
        density, error_shade = self.shade[self.level]
        shade = torch.stack([density, density, error_shade])
        return plots.fields(self.places, self.fields[self.level], TITLES, alt, unit=UNIT, shade=shade)


def score_field(
    learned: Learned | None = None,
    mixture: GaussianMixture | None = None,
    *,
    sigmas: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> ScoreField:
    """An explorer of the score at every noise level: true, learned, and the error between them.

    learned: f(x, sigma) of the score; by default the best possible score of 100 drawn points, which shows what
    a network that knows its training data by heart would do.  mixture: in the plane, the default is
    `data.moons_mixture()`.  sigmas: (S,) rising noise levels, by default 16 from 0.05 to 2.
    """
    mixture = in_the_plane(mixture, data.moons_mixture)
    if sigmas is None:
        sigmas = torch.logspace(-1.30103, 0.30103, 16, dtype=torch.float64)
    if not 2 <= len(sigmas) <= MOST_LEVELS or not bool((sigmas > 0).all() & (sigmas.diff() > 0).all()):
        raise RangeError(f"sigmas: pass 2 to {MOST_LEVELS} positive noise levels that rise")
    dots = torch.zeros(0, 2)
    if learned is None:
        dots = mixture.sample(100, generator=torch.Generator().manual_seed(0) if generator is None else generator)
        learned = of_points(dots)
    return ScoreField(mixture, learned, sigmas.double(), dots)


def of_points(points: Tensor) -> Learned:
    """The score of a finite set of points plus noise: the best that any model can learn from them alone."""
    kernels = GaussianMixture.isotropic(torch.full((len(points),), 1 / len(points)).to(points), points, 0.0)
    return lambda x, sigma: kernels.score(x, 1.0, sigma)


def frames(mixture: GaussianMixture, learned: Learned, sigmas: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Places (SIDE^2, 2), fields (S, 3, SIDE^2, 2) of sigma * score, shades (S, 2, m, m), numbers (3, S)."""
    places, dense = _square(REACH, SIDE), _square(REACH, PIXELS)
    fields, shades, numbers = [], [], []
    for sigma in sigmas.tolist():
        true, guess = sigma * mixture.score(places, 1.0, sigma), sigma * _checked(learned, places, sigma)
        fields.append(torch.stack([true, guess, guess - true]))
        p = mixture.log_prob(dense, 1.0, sigma).exp()
        off = sigma * (_checked(learned, dense, sigma) - mixture.score(dense, 1.0, sigma))
        shade = torch.stack([(p / p.max()).sqrt(), (p / p.max() * (off**2).sum(1)).clamp(max=1).sqrt()])
        shades.append(shade.reshape(2, PIXELS, PIXELS).mT)  # rows along y, from below
        numbers.append(loss_parts(mixture, learned, sigma))
    return places, torch.stack(fields), torch.stack(shades), torch.stack(numbers, 1)


def loss_parts(mixture: GaussianMixture, learned: Learned, sigma: float) -> Tensor:
    """Of the noise loss 1/2 E||eps - eps_hat||^2: its floor, what the error of the score adds, and their sum, (3,).

    Integrals over the noisy density by the trapezoidal rule.
    """
    reach = float(mixture.means.abs().max()) + 4.5 * (sigma + float(mixture._eigen[0].max().sqrt()))
    side = min(max(math.ceil(2 * reach / (0.9 * sigma)), 40), 120) + 1  # nothing noisy is finer than sigma
    x = _square(reach, side)
    w = mixture.log_prob(x, 1.0, sigma).exp() * (2 * reach / (side - 1)) ** 2
    true = sigma * mixture.score(x, 1.0, sigma)
    floor = 0.5 * (2 - w @ (true**2).sum(1))
    error = 0.5 * w @ ((sigma * _checked(learned, x, sigma) - true) ** 2).sum(1)
    return torch.stack([floor, error, floor + error])


def _checked(learned: Learned, x: Tensor, sigma: float) -> Tensor:
    out = learned(x, sigma)
    if not isinstance(out, Tensor) or out.shape != x.shape:
        got = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
        raise ShapeError(f"the learned score returned {got} for x {tuple(x.shape)}: return one arrow per point")
    return out.detach().to(x)


def _square(reach: float, side: int) -> Tensor:
    """Points of a grid on [-reach, reach]^2, (side^2, 2), the second coordinate running fastest."""
    line = torch.linspace(-reach, reach, side, dtype=torch.float64)
    return torch.cartesian_prod(line, line)
