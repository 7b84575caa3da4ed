"""One step of DDPM beside one of Euler and Maruyama: `ddpm_minus_em`."""

from collections.abc import Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import F64, FLOWS, WITHHOLDS, criteria, per_example


def ddpm_minus_em(x: Tensor, score: Tensor, b: Tensor) -> Tensor:
    """Equation (8.27)."""
    root = 1 / (1 - b).sqrt()
    return per_example(root - 1 - b / 2, x) * x + per_example(b * (root - 1), x) * score


def _mixed(x: Tensor, score: Tensor, of_x: Tensor, of_score: Tensor) -> Tensor:
    return per_example(of_x, x) * x + per_example(of_score, x) * score


def _root(b: Tensor) -> Tensor:
    return 1 / (1 - b).sqrt()


def _last_axis(x: Tensor, score: Tensor, b: Tensor) -> Tensor:
    r = _root(b)
    return (r - 1 - b / 2).to(x) * x + (b * (r - 1)).to(x) * score


def _float64(x: Tensor, score: Tensor, b: Tensor) -> Tensor:
    b = b.reshape(-1, *[1] * (x.ndim - 1))
    return (_root(b) - 1 - b / 2) * x + b * (_root(b) - 1) * score


def _draw_gap(d: Draw) -> Iterator[Case]:
    def sizes(n: int) -> Tensor:
        return torch.tensor([d.uniform(0.2, 0.6) for _ in range(n)], dtype=F64)

    x, score, b = d.randn(4, 3), d.randn(4, 3), sizes(4)
    yield Case("a batch of points", (x, score, b))
    yield Case("images as wide as the batch is long", (d.randn(3, 1, 3, 3), d.randn(3, 1, 3, 3), sizes(3)))
    yield Case("small steps", (x.double(), score.double(), b / 20), "edges")
    yield Case("one example", (x[:1], score[:1], b[:1]), "edges")
    yield Case("float32 stays float32", (x, score, b), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(3, 4).mT, score, b), "edges")
    yield Case("gradient in x", (x, score, b), "clean", "gradient", cotangent=d.randn(4, 3))
    yield Case("called twice", (x, score, b), "clean", "twice")


EXERCISE = Exercise(
    name="sde.ddpm_minus_em",
    prompt="Give the DDPM step minus the step of Euler and Maruyama for the reverse VP equation, for the same noise.",
    signature="ddpm_minus_em(x (B, *D), score (B, *D), b (B,) float64, b = beta(t) dt) -> (B, *D)",
    reference=ddpm_minus_em,
    draw=_draw_gap,
    criteria=criteria(2, 2, 1, at="small steps, one example, dtype, any memory layout", clean_text=FLOWS),
    equation="8.27",
    difficulty=3,
    minutes=12,
    hints=(
        "Write down both steps with the same noise sqrt(b) z. The noise drops out of the difference.",
        "DDPM: (x + b s)/sqrt(1 - b). Euler and Maruyama: x + b/2 x + b s.",
        "ddpm = (x + b * score) / (1 - b).sqrt(); em = x + b / 2 * x + b * score; return ddpm - em  # b shaped like x",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "the other way round",
            lambda x, s, b: _mixed(x, s, 1 + b / 2 - _root(b), b * (1 - _root(b))),
            "this is Euler and Maruyama minus DDPM.",
        ),
        Misconception(
            "half the score in Euler's step",
            lambda x, s, b: _mixed(x, s, _root(b) - 1 - b / 2, b * (_root(b) - 0.5)),
            "Euler's step takes only b/2 of the score. The reverse drift has g^2 s, so b s.",
        ),
        Misconception(
            "drift without the half",
            lambda x, s, b: _mixed(x, s, _root(b) - 1 - b, b * (_root(b) - 1)),
            "Euler's step takes b x. The drift of VP is beta/2 x.",
        ),
        Misconception(
            "drift of the forward equation",
            lambda x, s, b: _mixed(x, s, _root(b) - 1 + b / 2, b * (_root(b) - 1)),
            "Euler's step shrinks x. Backward in time dt < 0: x grows by b/2 x.",
        ),
        Misconception(
            "shrinking by the root",
            lambda x, s, b: _mixed(x, s, (1 - b).sqrt() - 1 - b / 2, b * ((1 - b).sqrt() - 1)),
            "DDPM divides by sqrt(1 - b); you multiply. The chain shrinks on its way to noise, the way back stretches.",
        ),
        Misconception(
            "score not divided",
            lambda x, s, b: _mixed(x, s, _root(b) - 1 - b / 2, 0 * b),
            "DDPM divides the score by sqrt(1 - b) too: (x + b s)/sqrt(1 - b).",
        ),
        Misconception(
            "leading order only",
            lambda x, s, b: _mixed(x, s, 3 / 8 * b**2, b**2 / 2),
            "this is the leading order (8.28). Asked is the difference itself, for any b.",
        ),
        Misconception(
            "root forgotten",
            lambda x, s, b: _mixed(x, s, 1 / (1 - b) - 1 - b / 2, b * (1 / (1 - b) - 1)),
            "DDPM divides by the root of 1 - b, not by 1 - b.",
        ),
        Misconception(
            "b along the last axis",
            _last_axis,
            "b has shape (B,) and lines up with the last axis of x. Reshape it to (B, 1, .., 1).",
        ),
        Misconception(
            "float64 comes out",
            _float64,
            "the values are right, but float32 became float64 because b is float64. Cast the factors to x's dtype.",
        ),
    ),
)
