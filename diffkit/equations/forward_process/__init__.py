r"""Lesson 02, the forward process: the numbered equations (2.1) to (2.23) as functions.

In each twin the left side goes the slow road (loop, quadrature, automatic differentiation, Gaussian algebra step by
step), the right side is the formula.
"""

from diffkit.equations.forward_process import distributions as distributions
from diffkit.equations.forward_process import many_steps as many_steps
from diffkit.equations.forward_process import one_step as one_step
from diffkit.equations.forward_process import schedules as schedules
