r"""Lesson 09, probability flow and exact likelihood: the numbered equations (9.1) to (9.26) as functions.

In each twin one side comes from values alone (differences, quadrature, a solver that is run), the other from the
formula.
"""

from diffkit.equations.probability_flow import bits_and_codes as bits_and_codes
from diffkit.equations.probability_flow import change_of_variables as change_of_variables
from diffkit.equations.probability_flow import continuity as continuity
from diffkit.equations.probability_flow import family as family
from diffkit.equations.probability_flow import solvers as solvers
from diffkit.equations.probability_flow import trace_estimates as trace_estimates
