r"""Lesson 13, bug hunt: the numbered equations (13.1) to (13.26) as functions.

Each arrow of the map, (13.1) to (13.14), says that two things are one.  Its twin computes the one by quadrature, automatic
differentiation or a library sampler, and the other by the formula.  The identities that the checks of the lesson rest
on are (13.15) to (13.26).
"""

from diffkit.equations.bug_hunt import likelihood_side as likelihood_side
from diffkit.equations.bug_hunt import one_function as one_function
from diffkit.equations.bug_hunt import sampling_checks as sampling_checks
from diffkit.equations.bug_hunt import time_side as time_side
from diffkit.equations.bug_hunt import training_checks as training_checks
