"""What a sampler costs: `network_calls`."""

from collections.abc import Callable, Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.fast_sampling.common import WITHHOLDS, criteria, falling


def network_calls(method: str, u: Tensor) -> int:
    """How often each method of the lesson calls the network."""
    n = len(u) - 1
    if method not in ("heun", "dpm-2"):
        return n
    return 2 * n - 1 if u[-1] == 0 else 2 * n


def _rule(two: tuple[str, ...], at_zero: int, less: int = 1) -> Callable[[str, Tensor], int]:
    """Methods that call twice a step; what they save if the last level is 0; levels minus steps."""

    def wrong(method: str, u: Tensor) -> int:
        n, ends = len(u) - less, float(u[-1]) == 0
        return 2 * n - (at_zero if ends else 0) if method in two else n

    return wrong


def _draw(d: Draw) -> Iterator[Case]:
    for method in ("ancestral", "ddim", "multistep", "heun", "dpm-2"):
        yield Case(f"{method}, down to the data", (method, falling(d, d.integer(3, 9))))
    for method in ("ddim", "heun", "dpm-2"):
        yield Case(f"{method}, not to the end", (method, falling(d, d.integer(3, 9), to_zero=False)), "edges")
    for method in ("heun", "multistep"):
        yield Case(f"{method}, a single step", (method, falling(d, 1)), "edges")
    yield Case("called twice", ("heun", falling(d, 4)), "edges", "twice")


EXERCISE = Exercise(
    name="fast.network_calls",
    prompt="Count how often a sampler calls the network on its way along the levels u.",
    signature='network_calls(method "ancestral", "ddim", "multistep", "heun" or "dpm-2", u (n+1,) falling) -> int',
    reference=network_calls,
    draw=_draw,
    criteria=criteria(2, 1, at="levels that do not end at 0, a single step, inputs untouched"),
    equation="10.30",
    difficulty=1,
    minutes=6,
    hints=(
        "Count the steps first; then the calls of each step. One step may be cheaper than the others.",
        "n = len(u) - 1 steps; one call each, or two for heun and dpm-2. A last step to u = 0 costs one call with every method.",
        'return n if method not in ("heun", "dpm-2") else 2 * n - int(u[-1] == 0)',
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "steps for calls",
            _rule((), 0),
            "this counts steps. Heun and DPM-Solver-2 call the network twice in a step; only calls can be compared.",
        ),
        Misconception(
            "two calls to the end",
            _rule(("heun", "dpm-2"), 0),
            "the last step to u = 0 is a plain Euler step: one call, also with the methods of second order.",
        ),
        Misconception(
            "last step always cheap",
            lambda method, u: 2 * len(u) - 3 if method in ("heun", "dpm-2") else len(u) - 1,
            "the last step is cheaper only if it ends at u = 0. Look at u[-1].",
        ),
        Misconception(
            "levels for steps",
            _rule(("heun", "dpm-2"), 1, less=0),
            "n + 1 levels make n steps: the number of levels is one too many.",
        ),
        Misconception(
            "multistep counted twice",
            _rule(("heun", "dpm-2", "multistep"), 1),
            "the multistep method is of second order with one call a step: the other value is left from the step before.",
        ),
        Misconception(
            "only Heun counted twice",
            _rule(("heun",), 1),
            "DPM-Solver-2 also asks twice a step: at its start and in its middle.",
        ),
        Misconception(
            "last call saved altogether",
            _rule(("heun", "dpm-2"), 2),
            "the last step still needs one call: the predicted noise at its start.",
        ),
        Misconception(
            "two calls for all",
            _rule(("ancestral", "ddim", "multistep", "heun", "dpm-2"), 1),
            "ancestral sampling, DDIM and the multistep method call the network once a step.",
        ),
    ),
)
