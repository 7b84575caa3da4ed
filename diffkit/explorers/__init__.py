"""Explorers: pictures that answer to a slider at once.  Each is one Python file beside one small script.

Python computes every number, the script only draws: there is one truth, and it is the tested one.
"""

from diffkit.explorers.bug_gallery import bug_gallery
from diffkit.explorers.forward_process import forward_process
from diffkit.explorers.schedule_designer import schedule_designer
from diffkit.explorers.trajectory import trajectory

__all__ = ["bug_gallery", "forward_process", "schedule_designer", "trajectory"]
