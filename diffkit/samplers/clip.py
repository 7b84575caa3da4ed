"""Keep the predicted data in range, for any sampler.

The samplers read one prediction eps; clipping belongs to x_0_hat, so it is a change of the prediction, not of
the sampler.  It can hide a diverging sampler: test without it.
"""

import math

from torch import Tensor

from diffkit.errors import RangeError
from diffkit.samplers.path import Noise, levels
from diffkit.samplers.step import Model


def clip_x_0(eps: Model, noise: Noise, low: float, high: float) -> Model:
    """The noise prediction whose x_0_hat = (x - sigma eps)/alpha is that of eps, clipped to [low, high].

    low, high: the range of the data, -1 and 1 for images scaled so; eps itself has none.  Needs sigma_t > 0.
    """
    if not -math.inf < low < high < math.inf:
        raise RangeError(f"clipping to [{low}, {high}]: pass the data's range with low < high, e.g. -1 and 1")

    def clipped(x: Tensor, t: Tensor | float) -> Tensor:
        alpha, sigma = levels(noise, t, x)
        x_0 = ((x - sigma * eps(x, t)) / alpha).clamp(low, high)
        return (x - alpha * x_0) / sigma

    return clipped
