"""A cell that only adds functions may run before the check that precedes it; any doubt keeps the order."""

from collections.abc import Iterator
from unittest.mock import Mock

import pytest

from grader.definitions import only_adds, words_of
from grader.exercises import find
from grader.judge import Cell, GradeCell, grade
from grader.sandbox import Sandbox
from grader.workplace import sandbox_for
from tests.sandbox_helpers import needs_bubblewrap

KNOWN = words_of("import torch\nscale = 2\ndef first(x):\n    # uses helper\n    return scale * x")
PLAIN = [
    "",
    "# a remark",
    '"""A text."""',
    "def second(x: torch.Tensor, n: int | None = None, *, k: list[int] = 3, **more: str) -> 'Tensor':\n    return x",
    "def a():\n    scale = 3\n    global q\n\ndef b(): return a()",
    "second = lambda x, n=2: scale * x",
    "import math, numpy as np\nfrom torch.distributions import Normal, kl_divergence as kl\ndef second(): return kl",
]
DOUBTFUL = [
    "scale = 3",
    "second = 3",
    "def scale(): pass",
    "def helper(): pass",  # an earlier function may be waiting for it
    "import os",
    "import helper_of_mine",
    "from helper_of_mine import second",
    "from . import second",
    "from torch import *",
    "from torch import sum as scale",
    "import math as scale",
    "import torch.nn",  # binds `torch`, which an earlier cell mentions
    "scale = lambda x: x",
    "second = lambda x=[]: x",
    "second = third = lambda x: x",
    "second, third = lambda x: x, 1",
    "second: print() = lambda x: x",
    "second()",
    "@torch.no_grad()\ndef second(): pass",
    "def second(x=[]): pass",
    "def second(x=torch.manual_seed(0)): pass",
    "def second(*, x=print()): pass",
    "def second(x: print(1)): pass",
    "def second() -> (lambda: 1)(): pass",
    "class Second: pass",
    "async def second(): pass",
    "if True:\n    def second(): pass",
    "%matplotlib inline",
    "def second(:",
    "x[0] = 1",
    "(" * 5000,
    "\0",
]


@pytest.mark.parametrize("source", PLAIN)
def test_a_cell_of_new_functions_only_adds(source: str) -> None:
    assert only_adds(source, KNOWN)


@pytest.mark.parametrize("source", DOUBTFUL)
def test_what_may_change_something_does_not(source: str) -> None:
    assert not only_adds(source, KNOWN)


START = "import torch\nfrom grader import check\nfactor = 2"
COSINE = "def snr(alpha_bar):\n    return alpha_bar / (1 - alpha_bar)"
LATER = "def kl_to_prior(x_0, t, alpha_bar):\n    raise NotImplementedError"


def notebook(*between: str) -> list[Cell]:
    exercises = [find("forward.snr"), find("forward.kl_to_prior")]
    tests = [
        Cell(90 + i, "", grade=GradeCell(e.name, f'check("{e.name}", {e.name.split(".")[1]})', e.points))
        for i, e in enumerate(exercises)
    ]
    sources = [Cell(i, source) for i, source in enumerate([*between, LATER])]
    end = Cell(99, "print(snr(torch.tensor(0.5)))")
    return [Cell(50, START), Cell(51, COSINE), tests[0], *sources, tests[1], end]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with sandbox_for("02_forward_process") as running:
        yield running


@needs_bubblewrap
@pytest.mark.parametrize(
    ("between", "copies"),
    [((), 1), (("factor = 3",), 2), (("alpha_bar = None",), 2), (("def snr(a):\n    return 0 * a",), 2)],
)
def test_a_check_sees_the_state_at_its_place(sandbox: Sandbox, between: tuple[str, ...], copies: int) -> None:
    with sandbox.kernel() as kernel:
        counting = Mock(wraps=kernel)
        record = grade(notebook(*between), counting, b"key")
    assert counting.evaluation.call_count == copies
    assert record.scores["forward.snr"].points == record.scores["forward.snr"].of > 0
    assert record.scores["forward.kl_to_prior"].points == 0
    assert record.outputs[99][0]["text"].strip() == ("tensor(0.)" if "def snr" in "".join(between) else "tensor(1.)")
