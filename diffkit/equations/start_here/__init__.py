r"""Lesson 00, start here: the numbered equations (0.1) to (0.5) as functions.

They are simple on purpose: a reader meets the machinery here.  The left side is a slow loop or another road, the right
side the formula.
"""

from diffkit.equations.start_here import tensors as tensors
