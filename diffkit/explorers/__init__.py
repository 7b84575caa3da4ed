"""Explorers: pictures that answer to a slider at once.  Each is one Python file beside one small script.

Python computes every number, the script only draws: there is one truth, and it is the tested one.
"""

from diffkit.explorers.elbo_gap import elbo_gap
from diffkit.explorers.forward_process import forward_process
from diffkit.explorers.schedule_designer import schedule_designer

__all__ = ["elbo_gap", "forward_process", "schedule_designer"]
