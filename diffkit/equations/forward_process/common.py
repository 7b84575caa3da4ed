"""A random schedule for the equations of this lesson."""

import torch

from diffkit.schedule import Schedule

HO = "Ho et al. 2020"


def random_schedule(g: torch.Generator, T: int = 12) -> Schedule:
    """T random betas between 0.01 and 0.41."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = 0.01 + 0.4 * torch.rand(T, generator=g, dtype=torch.float64)
    return Schedule(beta)
