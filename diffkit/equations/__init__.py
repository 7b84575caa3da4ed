"""Equations that run: one module per lesson, and the functions that show them in a notebook."""

from diffkit.equations import ddpm as ddpm
from diffkit.equations import forward_process as forward_process
from diffkit.equations.display import equation, erratum, notation
from diffkit.equations.registry import EQUATIONS, Equation, Sides, find, twin

__all__ = ["EQUATIONS", "Equation", "Sides", "equation", "erratum", "find", "notation", "twin"]
