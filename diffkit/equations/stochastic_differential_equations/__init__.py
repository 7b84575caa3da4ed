r"""Lesson 08, stochastic differential equations: the numbered equations (8.1) to (8.31) as functions.

In each twin one side comes from paths, quadrature or finite steps that shrink, the other from the formula.
"""

from diffkit.equations.stochastic_differential_equations import accuracy as accuracy
from diffkit.equations.stochastic_differential_equations import fokker_planck as fokker_planck
from diffkit.equations.stochastic_differential_equations import ito as ito
from diffkit.equations.stochastic_differential_equations import limits_of_chains as limits_of_chains
from diffkit.equations.stochastic_differential_equations import way_back as way_back
from diffkit.equations.stochastic_differential_equations import wiener as wiener
