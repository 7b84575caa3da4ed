r"""Lesson 10, fast sampling: the numbered equations (10.1) to (10.31) as functions.

In each twin one side goes the slow road (quadrature, conditioning a joint Gaussian, automatic differentiation, a
library sampler that is run), the other is the formula.
"""

from diffkit.equations.fast_sampling import euler as euler
from diffkit.equations.fast_sampling import exponential as exponential
from diffkit.equations.fast_sampling import family as family
from diffkit.equations.fast_sampling import fresh_noise as fresh_noise
from diffkit.equations.fast_sampling import levels as levels
from diffkit.equations.fast_sampling import order as order
