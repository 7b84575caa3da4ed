"""Annealed Langevin dynamics: Langevin steps at one noise level after the other, from the noisiest down.

Source: Song & Ermon 2019, algorithm 1; the last denoising step is from Jolicoeur-Martineau et al. 2021.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from diffkit.samplers.affine import Affine, affine_chain
from diffkit.samplers.checks import check_count, check_positive, check_state
from diffkit.samplers.step import Model, Step
from diffkit.sigmas import check_ladder


def annealed_langevin(
    score: Model,
    sigmas: Tensor,
    x: Tensor,
    *,
    n_steps: int = 100,
    step_size: float = 2e-5,
    denoise: bool = False,
    generator: torch.Generator | None = None,
) -> Iterator[Step]:
    """x <- x + alpha_i/2 score(x, sigma_i) + sqrt(alpha_i) z, n_steps times at each level i = n, .., 1.

    score(x, sigma): sigma is a float; see `per_example` for networks that want (B,).
    sigmas: (n+1,), rising from 0, e.g. `sigmas.geometric(10)`.
    alpha_i = step_size (sigma_i/sigma_1)^2, so that signal and noise keep their ratio at all levels.
    denoise adds one last step x + sigma_1^2 score: the posterior mean of the data.
    `Step.t` is the noise level of x.
    """
    check_state(x, generator)
    check_count(n_steps, "n_steps")
    check_positive(step_size, "step_size")
    ladder = check_ladder(sigmas)[1:].flip(0)
    alpha = step_size * (ladder / ladder[-1]) ** 2
    given, drift, size = (v.repeat_interleave(n_steps).tolist() for v in (ladder, alpha / 2, alpha.sqrt()))
    times = [given[0], *given]
    if denoise:
        given, times = [*given, given[-1]], [*times, 0.0]
        drift, size = [*drift, given[-1] ** 2], [*size, 0.0]
    return affine_chain(score, x, times, given, Affine([1.0] * len(given), drift, size), generator)
