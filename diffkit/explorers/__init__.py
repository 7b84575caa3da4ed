"""Explorers: pictures that answer to a slider at once.  Each is one Python file beside one small script.

Python computes every number, the script only draws: there is one truth, and it is the tested one.
"""

from diffkit.explorers.forward_process import forward_process
from diffkit.explorers.langevin_particles import langevin_particles
from diffkit.explorers.schedule_designer import schedule_designer

__all__ = ["forward_process", "langevin_particles", "schedule_designer"]
