"""The lesson builder refuses a text that would make a bad notebook, and says what to write instead."""

import pytest

from grader.build.source import instructor_notebook
from grader.build.tags import LessonError
from tests.small_lesson import NAME, TEXT

EXERCISE = '# %% exercise="small.twice"'
CHECK = '# %% check="small.twice" points=4\ncheck("small.twice", twice)'

MISTAKES = {
    "a tag that nobody knows": (EXERCISE, '# %% exercize="small.twice"', "unknown tag exercize"),
    "points that are no number": ("points=4", "points=four", "unknown tag .*points=four"),
    "points below zero": ("points=4", "points=-4", "a number of 0 or more"),
    "a check without points": (" points=4", "", "needs points"),
    "points on an exercise": (EXERCISE, EXERCISE + " points=4", "on the check cell"),
    "points on a free cell": ("# %%\nimport", "# %% points=1\nimport", "only check="),
    "two tags on a cell": (EXERCISE, EXERCISE + ' given="x"', "make two cells"),
    "a name that nbgrader refuses": ('"small.twice" points', '"small twice" points', "needs a name of"),
    "a written question in a code cell": ("[markdown] written", "written", "belongs on a markdown cell"),
    "a check that no exercise has": (CHECK, "", "no cell checks small.twice"),
    "a check of another name": ('check("small.twice",', 'check("small.thrice",', "another name"),
    "a check with a second line": (CHECK, CHECK + "\nprint(1)", "the one line"),
    "an exercise without a solution": ("    ### BEGIN SOLUTION\n", "", "exercise without a solution"),
    "a solution outside a function": ("def twice(x: float) -> float:", "if math.pi > 3:", "outside a"),
    "a solution in a free cell": (EXERCISE, "# %%", "needs exercise="),
    "a question without an answer": ("# <!-- BEGIN SOLUTION -->\n# Because addition is repeated here.\n"
                                     "# <!-- END SOLUTION -->\n", "", "without an answer"),
    "an exercise that is no Python": ("def twice(x: float)", "def twice(x: float", "is not Python"),
    "a name given twice": ('written="07-why"', 'written="small-twice"', "is there twice"),
    "a name that is too long": ('written="07-why"', f'written="{"w" * 65}"', "64 is the most"),
    "a raw cell": ("# %% [markdown]\n# # Small", "# %% [raw]\n# # Small", "a raw cell"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_with_its_reason(mistake: str) -> None:
    right, wrong, reason = MISTAKES[mistake]
    assert right in TEXT
    with pytest.raises(LessonError, match=reason) as caught:
        instructor_notebook(TEXT.replace(right, wrong, 1), NAME)
    assert str(caught.value).startswith(NAME)


def test_the_message_names_the_cell() -> None:
    with pytest.raises(LessonError, match=r"cell 3 \('def twice"):
        instructor_notebook(TEXT.replace(EXERCISE, EXERCISE + " points=4"), NAME)


def test_the_small_lesson_itself_is_fine() -> None:
    assert len(instructor_notebook(TEXT, NAME).cells) == 6
