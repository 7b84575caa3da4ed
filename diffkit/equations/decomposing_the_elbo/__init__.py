r"""Lesson 04, the bound taken apart: the numbered equations (4.1) to (4.26) as functions.

In each twin one side goes the slow road (quadrature over whole paths, one big covariance matrix, conditioning), the
other is the formula.  The wrong forms are in `errata`.
"""

from diffkit.equations.decomposing_the_elbo import divergences as divergences
from diffkit.equations.decomposing_the_elbo import errata as errata
from diffkit.equations.decomposing_the_elbo import pixels as pixels
from diffkit.equations.decomposing_the_elbo import posterior as posterior
from diffkit.equations.decomposing_the_elbo import simple_weights as simple_weights
from diffkit.equations.decomposing_the_elbo import terms as terms
