r"""Lesson 07, Langevin dynamics: the numbered equations (7.1) to (7.27) as functions.

In each twin the left side goes the slow road (loop, quadrature, automatic differentiation, a library sampler that is
run), the right side is the formula.
"""

from diffkit.equations.langevin_dynamics import ddpm_steps as ddpm_steps
from diffkit.equations.langevin_dynamics import metropolis as metropolis
from diffkit.equations.langevin_dynamics import modes as modes
from diffkit.equations.langevin_dynamics import noise_ladder as noise_ladder
from diffkit.equations.langevin_dynamics import step as step
