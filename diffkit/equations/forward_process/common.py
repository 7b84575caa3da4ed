"""A random schedule for the equations of this lesson."""

import torch

from diffkit.equations import draws
from diffkit.schedule import Schedule

HO = "Ho et al. 2020"


def random_schedule(g: torch.Generator, T: int = 12) -> Schedule:
    """T random betas between 0.01 and 0.41."""
    return draws.schedule(g, T, 0.01, 0.4)
