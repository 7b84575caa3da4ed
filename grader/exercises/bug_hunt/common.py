"""What the exercises of this lesson share: cases from the pipelines of the hunt, and mistakes common to all checks."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Misconception, Served

try:
    from diffkit.hunt import PIPELINES
except ModuleNotFoundError:  # wrong functions also run in the sandbox, where the pipelines are withheld
    PIPELINES = {}

# The pipelines are not in the sandbox at all; they are named here because their sound lines are an answer.
WITHHOLDS = (
    "diffkit.hunt.pipeline.Pipeline.function",
    "diffkit.hunt.pipeline.Pipeline.changed",
    "diffkit.samplers.ddim.ddim",
    "diffkit.samplers.ddim.ddim_kernel",
    "diffkit.schedule.from_alpha_bar",
    "diffkit.schedule.Schedule.alpha_bar",
    "diffkit.schedule.Schedule.noise_var",
    "diffkit.schedule.Schedule.beta_tilde",
)
CRITERIA = (
    Criterion("text", 1, "the pipeline of the lesson, and the sound one"),
    Criterion("others", 3, "other broken lines, and other right ways to write it"),
)

Check = Callable[..., int]
Checked = Callable[..., Any]  # a pipeline


def same(a: Any, b: Any, tol: float = 1e-4) -> bool:
    """Equal up to rounding, also of float32; never true for NaN."""
    a, b = (torch.as_tensor(v, dtype=torch.float64) for v in (a, b))
    return float((a - b).abs().max()) <= tol


def rising_beta(d: Draw, T: int) -> Tensor:
    """A table (T+1,) of rising betas with beta[0] = 0, float64."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = torch.linspace(d.uniform(0.1, 0.15), d.uniform(0.22, 0.3), T, dtype=torch.float64)
    return beta


def hidden(d: Draw, name: str, arguments: tuple[Any, ...], **tables: Any) -> Iterator[Case]:
    """The cases of a pipeline: the sound one, that of the lesson and every other variant, in random order."""
    pipeline = PIPELINES[name]

    def asked(edits: Any) -> tuple[Any, ...]:
        return Served(pipeline.function(edits, **tables)), *arguments

    text = [Case("the sound pipeline", asked({}), "text")]
    text += [Case("the pipeline of the lesson", asked(pipeline.shown), "text")]
    text += [Case("called twice", asked({}), "text", "twice")]
    others = [(_reads("broken", e), e) for e in pipeline.broken[1:]]
    others += [(_reads("right", e), e) for e in pipeline.right]
    yield from d.in_any_order([*text, *(Case(label, asked(edits), "others") for label, edits in others)])


def _reads(kind: str, edits: Any) -> str:
    lines = "; ".join(f"line {n} reads `{code.strip()}`" for n, code in edits.items())
    return f"a {kind} one: {lines}"


def usual(reference: Check, line: int) -> tuple[Misconception, ...]:
    """Mistakes that every check of this lesson may make.  line: the broken one in the lesson."""

    def from_zero(*args: Any) -> int:
        return max(reference(*args) - 1, 0)

    def one_line(*args: Any) -> int:
        return line if reference(*args) else 0

    def inverted(*args: Any) -> int:
        return 0 if reference(*args) else line

    return (
        Misconception(
            "accepts everything",
            lambda *args: 0,
            "your check accepts every pipeline that it is given. A check that cannot fail proves nothing: make it measure "
            "something, and return 0 only if the number is right.",
        ),
        Misconception(
            "refuses everything",
            lambda *args: line,
            f"your check answers {line} whatever it is given, also for a sound pipeline. It has to call the pipeline and decide "
            "by what comes back.",
        ),
        Misconception(
            "lines counted from 0",
            from_zero,
            "you count the lines from 0. In the listing they are numbered from 1, and 0 means that nothing is wrong.",
        ),
        Misconception(
            "one line for every fault",
            one_line,
            f"your check tells sound from broken, but blames line {line} every time. Other pipelines have their fault elsewhere: "
            "measure each line's own quantity.",
        ),
        Misconception(
            "verdict upside down",
            inverted,
            "your verdict is upside down: 0 says that the pipeline is sound, a line number that it is not.",
        ),
    )
