r"""Lesson 06, score matching and denoising autoencoders: the numbered equations (6.1) to (6.35) as functions.

Expected values are integrals on grids.  One side of a twin goes by the definition (integral, difference quotient,
automatic differentiation, enumeration), the other by the formula.
"""

from diffkit.equations.score_matching import autoencoders as autoencoders
from diffkit.equations.score_matching import denoising as denoising
from diffkit.equations.score_matching import implicit as implicit
from diffkit.equations.score_matching import noise_levels as noise_levels
from diffkit.equations.score_matching import scores as scores
from diffkit.equations.score_matching import tweedie as tweedie
