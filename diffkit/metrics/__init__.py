"""How far samples are from the data, and how far apart two samples of the same data are: the noise floor.

A number without its floor says nothing: two halves of one data set are not at distance 0 either.
"""

from diffkit.metrics.distances import energy_distance, sliced_wasserstein, wasserstein_1d
from diffkit.metrics.floor import Floor, bootstrap_floor, mode_floor, noise_floor
from diffkit.metrics.frechet import frechet_distance, frechet_gaussian
from diffkit.metrics.modes import coverage, expected_coverage, mode_error, mode_weights

__all__ = [
    "Floor",
    "bootstrap_floor",
    "coverage",
    "energy_distance",
    "expected_coverage",
    "frechet_distance",
    "frechet_gaussian",
    "mode_error",
    "mode_floor",
    "mode_weights",
    "noise_floor",
    "sliced_wasserstein",
    "wasserstein_1d",
]
