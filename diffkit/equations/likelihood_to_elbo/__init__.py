r"""Lesson 03, from likelihood to the bound: the numbered equations (3.1) to (3.26) as functions.

Most run on a chain that is linear and Gaussian in both directions, where p(x_0) and p(x_{1:T} | x_0) are known.  The
left side takes one road (one big Gaussian, a grid, a closed form), the right side the other (a sum over steps,
a quadrature, the library's function).
"""

from diffkit.equations.likelihood_to_elbo import autoencoders as autoencoders
from diffkit.equations.likelihood_to_elbo import bound as bound
from diffkit.equations.likelihood_to_elbo import likelihood as likelihood
from diffkit.equations.likelihood_to_elbo import way_back as way_back
