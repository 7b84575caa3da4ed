r"""Lesson 01, graphical models: the numbered equations (1.1) to (1.36) as functions.

In each twin one side comes from the joint distribution by summing, dividing, integrating or from one covariance
matrix; the other side is the formula that the graph allows, or the closed form.
"""

from diffkit.equations.graphical_models import diffusion_chain as diffusion_chain
from diffkit.equations.graphical_models import divergences as divergences
from diffkit.equations.graphical_models import factorization as factorization
from diffkit.equations.graphical_models import gaussian_tools as gaussian_tools
from diffkit.equations.graphical_models import three_nodes as three_nodes
