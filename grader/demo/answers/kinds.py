"""What the demo knows of one lesson beyond its exercises."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Sources = Mapping[str, str]  # exercise -> what a student types into its cell


@dataclass(frozen=True)
class Answers:
    """Answers to a lesson's exercises, as students type them.

    loops: right, written as slow loops; other_formulas: right, by another formula, einsum, or another library;
    forwarding: not right: they hand the work on to diffkit, and must earn nothing; noisy: right, and they use what
    `honest.NOISY_CELL` defines, print and warn.
    """

    loops: Sources
    other_formulas: Sources
    forwarding: Sources
    noisy: Sources = field(default_factory=dict)
