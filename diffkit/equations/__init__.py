"""Equations that run: one folder per lesson, and the functions that show them in a notebook."""

from diffkit.equations import bug_hunt as bug_hunt
from diffkit.equations import controllable_generation as controllable_generation
from diffkit.equations import ddpm as ddpm
from diffkit.equations import decomposing_the_elbo as decomposing_the_elbo
from diffkit.equations import fast_sampling as fast_sampling
from diffkit.equations import forward_process as forward_process
from diffkit.equations import graphical_models as graphical_models
from diffkit.equations import langevin_dynamics as langevin_dynamics
from diffkit.equations import latent_diffusion as latent_diffusion
from diffkit.equations import likelihood_to_elbo as likelihood_to_elbo
from diffkit.equations import probability_flow as probability_flow
from diffkit.equations import score_matching as score_matching
from diffkit.equations import start_here as start_here
from diffkit.equations import stochastic_differential_equations as stochastic_differential_equations
from diffkit.equations.display import equation, erratum, notation
from diffkit.equations.registry import EQUATIONS, Equation, Sides, find, twin

__all__ = ["EQUATIONS", "Equation", "Sides", "equation", "erratum", "find", "notation", "twin"]
