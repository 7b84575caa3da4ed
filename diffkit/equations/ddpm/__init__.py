r"""Lesson 05, DDPM: the numbered equations (5.1) to (5.28) as functions.

In each twin one side goes the slow road (conditioning a joint Gaussian, quadrature, automatic differentiation, a loop),
the other is the formula.
"""

from diffkit.equations.ddpm import best_predictor as best_predictor
from diffkit.equations.ddpm import objective as objective
from diffkit.equations.ddpm import parameterizations as parameterizations
from diffkit.equations.ddpm import sampling as sampling
from diffkit.equations.ddpm import training as training
