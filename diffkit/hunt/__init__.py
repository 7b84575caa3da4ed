"""Broken pipelines for the bug hunt: a few numbered lines each, kept as text, that run as they are shown.

A pipeline knows its sound lines, other ways to write them that are right as well, and changes of a single line that
break it.  What a student reads and what a check is given come from the same text.
"""

from diffkit.hunt.gallery import PIPELINES
from diffkit.hunt.pipeline import Edits, Pipeline

__all__ = ["PIPELINES", "Edits", "Pipeline"]
