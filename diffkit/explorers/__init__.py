"""Explorers: pictures that answer to a slider at once.  Each is one Python file beside one small script.

Python computes every number, the script only draws: there is one truth, and it is the tested one.  Where a
move must be answered at once and cannot be computed beforehand, the file `.._math.js` of an explorer computes
too, and a test holds it against Python.
"""

from diffkit.explorers.dag_editor import dag_editor
from diffkit.explorers.forward_process import forward_process
from diffkit.explorers.schedule_designer import schedule_designer

__all__ = ["dag_editor", "forward_process", "schedule_designer"]
