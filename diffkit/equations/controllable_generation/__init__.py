r"""Lesson 11, controllable generation: the numbered equations (11.1) to (11.25) as functions.

In each twin one side goes the slow road (quadrature, automatic or finite differences, a library sampler or guided
predictor that is run), the other is the formula.
"""

from diffkit.equations.controllable_generation import classifier as classifier
from diffkit.equations.controllable_generation import classifier_free as classifier_free
from diffkit.equations.controllable_generation import guided_bells as guided_bells
from diffkit.equations.controllable_generation import guided_step as guided_step
from diffkit.equations.controllable_generation import inpainting as inpainting
from diffkit.equations.controllable_generation import inverse_problems as inverse_problems
from diffkit.equations.controllable_generation import tilted as tilted
