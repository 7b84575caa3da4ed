r"""Lesson 12, latent diffusion and other corruptions: the numbered equations (12.1) to (12.27) as functions.

The first half runs on the one case where everything is known: codes on the line, a decoder that is a straight line with
Gaussian noise, and a chain of Gaussian steps as prior.
"""

from diffkit.equations.latent_diffusion import cold_diffusion as cold_diffusion
from diffkit.equations.latent_diffusion import cost as cost
from diffkit.equations.latent_diffusion import learned_schedule as learned_schedule
from diffkit.equations.latent_diffusion import scale as scale
from diffkit.equations.latent_diffusion import three_terms as three_terms
from diffkit.equations.latent_diffusion import tokens as tokens
