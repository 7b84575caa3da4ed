"""The same Wiener path in longer steps: `coarser_noise`."""

from collections.abc import Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.stochastic_differential_equations.common import WITHHOLDS, criteria


def coarser_noise(noise: Tensor, k: int) -> Tensor:
    """Equation (8.1): increments that follow each other add up, and so do their variances."""
    return noise.reshape(-1, k, *noise.shape[1:]).sum(1) / k**0.5


def _groups(noise: Tensor, k: int) -> Tensor:
    return noise.reshape(-1, k, *noise.shape[1:])


def _draw_noise(d: Draw) -> Iterator[Case]:
    noise = d.randn(12, 3, 2)
    yield Case("steps three times as long", (noise, 3))
    yield Case("steps four times as long", (noise, 4))
    yield Case("steps as they are, k = 1", (noise, 1), "edges")
    yield Case("one step for all", (noise, 12), "edges")
    yield Case("noise of images", (d.randn(4, 2, 1, 3, 3), 2), "edges")
    yield Case("noise of one number a step", (d.randn(6), 2), "edges")
    yield Case("float64", (noise.double(), 2), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(3, 12, 2).transpose(0, 1), 6), "edges")
    yield Case("called twice", (noise, 3), "clean", "twice")


EXERCISE = Exercise(
    name="sde.coarser_noise",
    prompt="Turn the noise of fine steps into the noise of steps k times as long along the same Wiener path.",
    signature="coarser_noise(noise (n, *D), k int that divides n) -> (n/k, *D)",
    reference=coarser_noise,
    draw=_draw_noise,
    criteria=criteria(2, 1, 1, at="k = 1, k = n, images, dtype, any memory layout"),
    equation="8.1",
    difficulty=2,
    minutes=8,
    hints=(
        "The long increment is the sum of k short ones. What has its noise to be multiplied with to give that sum?",
        "sqrt(k dt) Z = sqrt(dt) (z_1 + ... + z_k), so Z is the sum divided by sqrt(k).",
        "return noise.reshape(-1, k, *noise.shape[1:]).sum(1) / k**0.5",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "plain sum",
            lambda noise, k: _groups(noise, k).sum(1),
            "the sum of k noises has variance k. It will be multiplied by sqrt(k dt) again: divide by sqrt(k).",
        ),
        Misconception(
            "mean",
            lambda noise, k: _groups(noise, k).mean(1),
            "the mean of k noises has variance 1/k. Standard normal noise is the sum over sqrt(k).",
        ),
        Misconception(
            "every k-th noise",
            lambda noise, k: noise[::k],
            "you keep the first of every k noises. That is standard normal, but it belongs to another path: the long "
            "increment is the sum of all k.",
        ),
        Misconception(
            "last of each group",
            lambda noise, k: noise[k - 1 :: k],
            "you keep the last of every k noises. The long increment is the sum of all k.",
        ),
        Misconception(
            "far apart instead of neighbours",
            lambda noise, k: noise.reshape(k, -1, *noise.shape[1:]).sum(0) / k**0.5,
            "your groups are made of steps that lie n/k apart. A long step covers k steps that follow each other.",
        ),
        Misconception(
            "path instead of increments",
            lambda noise, k: noise.cumsum(0)[k - 1 :: k] / k**0.5,
            "this is the running sum from the start. The noise of a long step is the sum of its own k noises alone.",
        ),
        Misconception(
            "first noises only",
            lambda noise, k: noise[: len(noise) // k],
            "you keep the first n/k noises and drop the rest of the path.",
        ),
    ),
)
