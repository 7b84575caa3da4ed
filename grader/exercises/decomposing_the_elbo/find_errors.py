"""Which lines of a slide hold: `find_errors`.  Right and wrong are decided by running the lines."""

from collections.abc import Callable, Iterator
from functools import cache

import torch
from torch import Tensor

from diffkit.equations import find
from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.decomposing_the_elbo.common import WITHHOLDS

# Line of the slides in the lesson -> the twin that runs it.  An "e" marks a form that is printed and wrong.
LINES = {
    1: "4.1e",
    2: "2.2",
    3: "4.2e",
    4: "4.3e",
    5: "4.5e",
    6: "4.7",
    7: "4.9e",
    8: "4.12e",
    9: "4.11",
    10: "4.8e",
    11: "4.15e",
    12: "2.11",
    13: "4.17e",
    14: "4.18e",
    15: "4.18",
}
PARTS = {"bound": range(1, 8), "posterior": range(8, 10), "objective": range(10, 16)}


@cache
def holds(line: int) -> bool:
    """Run the line on random numbers."""
    return find(LINES[line]).run(0).holds


def find_errors(lines: Tensor) -> Tensor:
    """1 where the line holds, 0 where it does not."""
    return torch.tensor([int(holds(line)) for line in lines.tolist()])


# What the numbers say, written down: misconceptions run where the equations are not.
WRONG = frozenset({1, 3, 4, 5, 7, 8, 10, 11, 13, 14})


def _but(accepted: tuple[int, ...] = (), refused: tuple[int, ...] = ()) -> Callable[[Tensor], Tensor]:
    """Right, except that some wrong lines are accepted or some right ones refused."""
    wrong = (WRONG - set(accepted)) | set(refused)
    return lambda lines: torch.tensor([int(line not in wrong) for line in lines.tolist()])


def _draw(d: Draw) -> Iterator[Case]:
    for name, part in PARTS.items():
        numbers = torch.tensor(list(part))
        order = torch.randperm(len(numbers), generator=d.generator)
        extra = torch.randint(0, len(numbers), (3,), generator=d.generator)
        lines = numbers[torch.cat([order, extra])]
        yield Case("the lines of this part, shuffled", (lines,), name)
        yield Case("called twice", (lines,), name, "twice")


EXERCISE = Exercise(
    name="elbo.find_errors",
    prompt="Say for each line of the slides whether it holds as printed: 1 if it does, 0 if not.",
    signature="find_errors(lines (n,) int, numbers of lines) -> (n,), 1 or 0 for each, in the order asked",
    reference=find_errors,
    draw=_draw,
    criteria=(
        Criterion("bound", 2, "lines 1 to 7, likelihood and bound"),
        Criterion("posterior", 2, "lines 8 and 9, closed forms"),
        Criterion("objective", 2, "lines 10 to 15, the loss"),
    ),
    equation="4.9",
    difficulty=4,
    minutes=25,
    hints=(
        "Do not read for style. Ask of each line what kind of thing stands on either side, and what it says for T = 2 or "
        "at t = 1. Five of the fifteen lines hold.",
        "Look for: a parameter set equal to a number; minus signs; a density of a point; an index t - 1 that became t; a sum "
        "that is gone; a letter that lost its index; a constant that is none.",
        "wrong = { .. the ten numbers .. }; return torch.tensor([0 if int(line) in wrong else 1 for line in lines])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "signs accepted",
            _but(accepted=(4, 7)),
            "you let lines 4 and 7 pass. Compare signs: log p/q on the left, -log p on the right. One of them is maximised, "
            "the other minimised.",
        ),
        Misconception(
            "arg max accepted",
            _but(accepted=(1, 3)),
            "you let lines 1 and 3 pass. What kind of thing is arg max? It is a parameter, and no number of nats.",
        ),
        Misconception(
            "the first step accepted",
            _but(accepted=(5,)),
            "you let line 5 pass. Put t = 1 into its sum: it asks for the density of x_0 given x_0.",
        ),
        Misconception(
            "the lost sums accepted",
            _but(accepted=(10, 14)),
            "you let lines 10 and 14 pass. Which t does the right side speak of? The sum over t > 1 is gone.",
        ),
        Misconception(
            "alpha_bar_t accepted",
            _but(accepted=(8,)),
            "you let line 8 pass. Put t = 1 into it: the mean should be x_0.",
        ),
        Misconception(
            "beta accepted",
            _but(accepted=(13,)),
            "you let line 13 pass. Which beta is meant? It has lost its index.",
        ),
        Misconception(
            "the constant accepted",
            _but(accepted=(11,)),
            "you let line 11 pass. If a network chooses the covariance, then what is left beside the squared distance "
            "depends on the network: it is no constant.",
        ),
        Misconception(
            "line 6 refused",
            _but(refused=(6,)),
            "you refuse line 6, and it holds: the sign is on the left, t = 1 stands apart, and the rest is the telescoped sum.",
        ),
        Misconception(
            "line 9 refused",
            _but(refused=(9,)),
            "you refuse line 9, and it holds: put t = 1 into it. The variance is 0, as it is for a point. The error of "
            "slide B is in the other line.",
        ),
        Misconception(
            "line 15 refused",
            _but(refused=(15,)),
            "you refuse line 15, and it holds. It looks like line 14, but it names the sum on both sides and gives each "
            "step its own constant.",
        ),
        Misconception(
            "everything holds",
            lambda lines: torch.ones(len(lines), dtype=torch.long),
            "you accept every line. Ten of the fifteen do not hold.",
        ),
        Misconception(
            "nothing holds",
            lambda lines: torch.zeros(len(lines), dtype=torch.long),
            "you refuse every line. Five of the fifteen hold.",
        ),
        Misconception(
            "marks exchanged",
            lambda lines: torch.tensor([int(line in WRONG) for line in lines.tolist()]),
            "your marks are exchanged: 1 says that the line holds, 0 that it does not.",
        ),
    ),
)
