"""Classifier-free guidance in either convention: `cfg`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import FLOWS, WITHHOLDS, criteria


def cfg(eps_y: Tensor, eps_null: Tensor, strength: float, convention: str) -> Tensor:
    """Equations (11.11) and (11.12)."""
    s = 1 + strength if convention == "w" else strength
    return eps_null + s * (eps_y - eps_null)


def _mix(factors: Callable[[float], tuple[float, float]]) -> Callable[..., Tensor]:
    """factor eps_y + other eps_null, both of s."""

    def wrong(eps_y: Tensor, eps_null: Tensor, strength: float, convention: str) -> Tensor:
        a, b = factors(strength + 1 if convention == "w" else strength)
        return a * eps_y + b * eps_null

    return wrong


def _in_place(eps_y: Tensor, eps_null: Tensor, strength: float, convention: str) -> Tensor:
    s = strength + 1 if convention == "w" else strength
    with torch.no_grad():
        eps_y -= eps_null
        eps_y *= s
        eps_y += eps_null
    return eps_y


def _draw(d: Draw) -> Iterator[Case]:
    y, null, strength = d.randn(3, 5), d.randn(3, 5), d.uniform(1.5, 4)
    images = (d.randn(2, 1, 4, 4), d.randn(2, 1, 4, 4))
    yield Case("strength s", (y, null, strength, "s"))
    yield Case("strength w", (y, null, strength, "w"))
    yield Case("images, strength w", (*images, strength / 2, "w"))
    yield Case("s = 0, unconditional", (y, null, 0.0, "s"), "edges")
    yield Case("w = 0, conditional", (y, null, 0.0, "w"), "edges")
    yield Case("s = 1, conditional", (y, null, 1.0, "s"), "edges")
    yield Case("w = -1, unconditional", (y, null, -1.0, "w"), "edges")
    yield Case("one example", (y[:1], null[:1], strength, "s"), "edges")
    yield Case("float32 stays float32", (y, null, strength, "w"), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, null, strength, "w"), "edges")
    yield Case("called twice, s", (y, null, strength, "s"), "clean", "twice")
    yield Case("called twice, w", (y, null, strength, "w"), "clean", "twice")
    yield Case("gradient", (y, null, strength, "s"), "clean", "gradient", cotangent=d.randn(3, 5))


EXERCISE = Exercise(
    name="guidance.cfg",
    prompt='Combine both noise predictions by classifier-free guidance, with the strength given as "s" or as "w".',
    signature='cfg(eps_y (B, *D), eps_null (B, *D), strength float, convention "s" or "w") -> (B, *D)',
    reference=cfg,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="s and w of -1, 0 and 1, one example, dtype, any memory layout", clean_text=FLOWS),
    equation="11.12",
    difficulty=2,
    minutes=8,
    hints=(
        "One rule for both: start at the unconditional prediction and go s times the way to the conditional one. First turn "
        "w into s.",
        "s = 1 + w. Then eps_null + s (eps_y - eps_null).",
        's = 1 + strength if convention == "w" else strength; return eps_null + s * (eps_y - eps_null)',
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "always s",
            lambda y, n, k, c: n + k * (y - n),
            'you take the strength for s even when it is given as "w". Ho and Salimans\' w is one less: s = 1 + w.',
        ),
        Misconception(
            "always w",
            lambda y, n, k, c: (1 + k) * y - k * n,
            'you take the strength for w even when it is given as "s". Then the guidance is one too strong.',
        ),
        Misconception(
            "conventions exchanged",
            lambda y, n, k, c: cfg(y, n, k, "s" if c == "w" else "w"),
            'the conventions are exchanged: "w" is (1 + w) eps_y - w eps_null, "s" is eps_null + s (eps_y - eps_null).',
        ),
        Misconception(
            "w = s + 1",
            lambda y, n, k, c: n + (k - 1 if c == "w" else k) * (y - n),
            "you take s = w - 1. It is the other way round: w = 0 and s = 1 both mean no guidance.",
        ),
        Misconception(
            "predictions exchanged",
            _mix(lambda s: (1 - s, s)),
            "the two predictions are exchanged: yours goes from the conditional to the unconditional one.",
        ),
        Misconception(
            "away from the class",
            _mix(lambda s: (-s, 1 + s)),
            "the difference is eps_null - eps_y: this leads away from the class.",
        ),
        Misconception(
            "plus instead of minus",
            _mix(lambda s: (s, s - 1)),
            "both predictions are added: s eps_y + (s - 1) eps_null. The unconditional part is taken away, and the factors "
            "sum to 1.",
        ),
        Misconception(
            "unconditional part lost",
            _mix(lambda s: (s, 0.0)),
            "this only makes the conditional prediction longer. The factors of the two predictions sum to 1.",
        ),
        Misconception(
            "difference only",
            _mix(lambda s: (s, -s)),
            "this is s times the difference. It is what is added to the unconditional prediction.",
        ),
        Misconception(
            "from the conditional one",
            _mix(lambda s: (1 + s, -s)),
            "you start at the conditional prediction and go s times the difference further. Start at the unconditional one.",
        ),
        Misconception(
            "changes eps_y in place",
            _in_place,
            "the numbers are right, but eps_y itself was changed. Build a new tensor.",
        ),
    ),
)
