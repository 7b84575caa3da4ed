"""Samplers: one method per file, each a generator of `Step`s.

Each takes a plain function, be it a learned network or an exact oracle: a noise prediction eps(x, t) or a score.
"""

from diffkit.samplers.affine import Affine, affine_chain
from diffkit.samplers.ancestral import ancestral, reverse_kernel
from diffkit.samplers.annealed_langevin import annealed_langevin
from diffkit.samplers.clip import clip_x_0
from diffkit.samplers.cold import cold
from diffkit.samplers.ddim import ddim, ddim_invert, ddim_kernel
from diffkit.samplers.dpm_solver import dpm_solver_2, dpm_solver_2m
from diffkit.samplers.euler_maruyama import euler_maruyama, euler_maruyama_kernel, reverse_sde
from diffkit.samplers.inpaint import inpaint
from diffkit.samplers.langevin import mala, ula
from diffkit.samplers.ode import adaptive, euler, heun, rk4
from diffkit.samplers.path import time_grid, uniform_times
from diffkit.samplers.predictor_corrector import ancestral_kernel, corrector_step, predictor_corrector
from diffkit.samplers.probability_flow import probability_flow
from diffkit.samplers.step import Step, last, per_example

__all__ = [
    "Affine",
    "Step",
    "adaptive",
    "affine_chain",
    "ancestral",
    "ancestral_kernel",
    "annealed_langevin",
    "clip_x_0",
    "cold",
    "corrector_step",
    "ddim",
    "ddim_invert",
    "ddim_kernel",
    "dpm_solver_2",
    "dpm_solver_2m",
    "euler",
    "euler_maruyama",
    "euler_maruyama_kernel",
    "heun",
    "inpaint",
    "last",
    "mala",
    "per_example",
    "predictor_corrector",
    "probability_flow",
    "reverse_kernel",
    "reverse_sde",
    "rk4",
    "time_grid",
    "ula",
    "uniform_times",
]
