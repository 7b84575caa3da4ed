"""Cold diffusion: the sampler for a corruption that is not noise, such as blur or masking.

Source: Bansal et al. 2022, "Cold diffusion", algorithms 1 and 2.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from diffkit.samplers.checks import check_count, check_output, check_state
from diffkit.samplers.step import Step

Change = Callable[[Tensor, int], Tensor]


def cold(restore: Change, degrade: Change, x_T: Tensor, T: int, *, naive: bool = False) -> Iterator[Step]:
    """x_{t-1} = x_t - D(x_0_hat, t) + D(x_0_hat, t-1) with x_0_hat = R(x_t, t), for t = T..1.

    restore: R(x, t), the network's guess of the clean input.  degrade: D(x_0, t), with D(x_0, 0) = x_0.
    t is an int.  The difference cancels errors of R to first order; naive (algorithm 1) takes
    x_{t-1} = D(x_0_hat, t-1) instead.  `Step.out` is x_0_hat.
    """
    check_state(x_T)
    return _cold(restore, degrade, x_T, check_count(T, "T"), naive)


@torch.no_grad()
def _cold(restore: Change, degrade: Change, x: Tensor, T: int, naive: bool) -> Iterator[Step]:
    yield Step(T, x)
    for t in range(T, 0, -1):
        x_0 = restore(x, t)
        check_output(x_0, x.shape)
        x = degrade(x_0, t - 1) if naive else x - degrade(x_0, t) + degrade(x_0, t - 1)
        check_output(x, x_0.shape)
        yield Step(t - 1, x, x_0)
