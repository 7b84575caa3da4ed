"""A small lesson in a folder of its own, for the tests of the builder."""

from pathlib import Path
from shutil import copy

from tests.house_files import ROOT

NAME = "07_small"
TEXT = '''# %% [markdown]
# # Small
# Twice a number: $2x$.

# %%
import math

# %% exercise="small.twice"
def twice(x: float) -> float:
    """Twice x."""
    ### BEGIN SOLUTION
    secret_double = x + x  # adding is enough
    return secret_double
    ### END SOLUTION

# %% check="small.twice" points=4
check("small.twice", twice)

# %% [markdown] written="07-why" points=2.5
# Why does it work?
#
# <!-- BEGIN SOLUTION -->
# Because addition is repeated here.
# <!-- END SOLUTION -->

# %% tags=["explore", "hide-input"]
math.pi
'''


def course(folder: Path, text: str = TEXT, name: str = NAME) -> Path:
    """A course with one lesson and this project's nbgrader settings; returns its folder."""
    (folder / "solutions").mkdir(parents=True)
    (folder / "solutions" / f"{name}.py").write_text(text, encoding="utf-8")
    copy(ROOT / "nbgrader_config.py", folder)
    return folder
