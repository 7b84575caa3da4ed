"""Explorers: pictures that answer to a slider at once.  Each is one Python file beside one small script.

Python computes every number, the script only draws: there is one truth, and it is the tested one.  Where a
move must be answered at once and cannot be computed beforehand, the file `.._math.js` of an explorer computes
too, and a test holds it against Python.
"""

from diffkit.explorers.bug_gallery import bug_gallery
from diffkit.explorers.concept_map import concept_map
from diffkit.explorers.dag_editor import dag_editor
from diffkit.explorers.elbo_gap import elbo_gap
from diffkit.explorers.elbo_terms import elbo_terms
from diffkit.explorers.flow_paths import flow_paths
from diffkit.explorers.forward_process import forward_process
from diffkit.explorers.guidance_strength import guidance_strength
from diffkit.explorers.langevin_particles import langevin_particles
from diffkit.explorers.latent_space import latent_space
from diffkit.explorers.quality_calls import quality_calls
from diffkit.explorers.schedule_designer import schedule_designer
from diffkit.explorers.score_field import score_field
from diffkit.explorers.sde_paths import sde_paths
from diffkit.explorers.trajectory import trajectory
from diffkit.explorers.what_cancels import what_cancels

__all__ = [
    "bug_gallery",
    "concept_map",
    "dag_editor",
    "elbo_gap",
    "elbo_terms",
    "flow_paths",
    "forward_process",
    "guidance_strength",
    "langevin_particles",
    "latent_space",
    "quality_calls",
    "schedule_designer",
    "score_field",
    "sde_paths",
    "trajectory",
    "what_cancels",
]
