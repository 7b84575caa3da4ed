"""What a sample costs in pixels and in codes: `sampling_cost`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.latent_diffusion.common import UNTOUCHED, WITHHOLDS, criteria

Costs = tuple[Tensor, Tensor]


def sampling_cost(T: int, height: int, width: int, layers: Tensor, f: int, decoder: int) -> Costs:
    """Equations (12.12) and (12.13)."""
    per_place = (layers[:, 0] * layers[:, 1] * layers[:, 2] ** 2).sum()
    pixel = T * height * width * per_place
    return pixel, pixel // f**2 + decoder


def _of(
    per_place: Callable[[Tensor], Tensor] = lambda a: (a[:, 0] * a[:, 1] * a[:, 2] ** 2).sum(),
    rule: Callable[[int, Tensor, int, int], Tensor] = lambda T, one, f, decoder: T * one // f**2 + decoder,
) -> Callable[..., Costs]:
    def wrong(T: int, height: int, width: int, layers: Tensor, f: int, decoder: int) -> Costs:
        one = height * width * per_place(layers)
        return T * one, rule(T, one, f, decoder)

    return wrong


def _draw_cost(d: Draw) -> Iterator[Case]:
    def question(T: int, n: int, f: int) -> tuple[int | Tensor, ...]:
        layers = torch.stack([d.integers(1, 9, n), d.integers(1, 9, n), 2 * d.integers(0, 2, n) + 1], 1)
        layers[0, 2] = 3  # so that the kernel's size matters
        return T, f * d.integer(2, 6), f * d.integer(7, 9), layers, f, d.integer(1000, 90_000)

    asked = question(d.integer(20, 60), 3, 2)
    yield Case("an autoencoder that halves", asked)
    yield Case("one that shrinks fourfold", question(d.integer(50, 90), 4, 4))
    yield Case("shrinks threefold", question(d.integer(50, 90), 2, 3))
    yield Case("one step only", question(1, 3, 2), "edges")
    yield Case("one layer", question(d.integer(50, 90), 1, 2), "edges")
    yield Case("f = 1: nothing is shrunk", question(d.integer(50, 90), 2, 1), "edges")
    yield Case("called twice", asked, "clean", "twice")


EXERCISE = Exercise(
    name="latent.sampling_cost",
    prompt="Count the multiplications of one sample, drawn in pixels and drawn in codes.",
    signature="sampling_cost(T, height, width, layers (n, 3) int64, f, decoder) -> (pixel, latent), whole numbers",
    reference=sampling_cost,
    draw=_draw_cost,
    criteria=criteria(2, 1, 1, at="one step, one layer, f = 1", clean_text=UNTOUCHED),
    equation="12.13",
    difficulty=2,
    minutes=10,
    hints=(
        "Each layer does the same work at every place. How many places are there, how often does the network run, and how "
        "often the decoder?",
        "A layer: height width k^2 C_in C_out. The network: the sum of its layers, T times. In codes there are f^2 times fewer "
        "places; the decoder runs once.",
        "per_place = (layers[:, 0] * layers[:, 1] * layers[:, 2] ** 2).sum(); pixel = T * height * width * per_place; "
        "return pixel, pixel // f**2 + decoder",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "f not squared",
            _of(rule=lambda T, one, f, decoder: T * one // f + decoder),
            "height and width both shrink by f, so there are f^2 times fewer places.",
        ),
        Misconception(
            "decoder in each step",
            _of(rule=lambda T, one, f, decoder: T * (one // f**2 + decoder)),
            "the decoder runs once, at the end, not in each step. That is the point of staying among the codes.",
        ),
        Misconception(
            "decoder forgotten",
            _of(rule=lambda T, one, f, decoder: T * one // f**2),
            "the decoder's own multiplications are missing: it runs once.",
        ),
        Misconception(
            "kernel not squared",
            _of(lambda a: (a[:, 0] * a[:, 1] * a[:, 2]).sum()),
            "a kernel of size k has k^2 entries.",
        ),
        Misconception(
            "kernel forgotten",
            _of(lambda a: (a[:, 0] * a[:, 1]).sum()),
            "the size of the kernel is missing: each output sums over k^2 places.",
        ),
        Misconception(
            "channels added",
            _of(lambda a: ((a[:, 0] + a[:, 1]) * a[:, 2] ** 2).sum()),
            "every output channel sums over every input channel: multiply the two numbers.",
        ),
        Misconception(
            "only outgoing channels",
            _of(lambda a: (a[:, 1] * a[:, 2] ** 2).sum()),
            "each output channel sums over all input channels: C_in is missing.",
        ),
        Misconception(
            "one call of the network",
            lambda T, h, w, layers, f, decoder: sampling_cost(1, h, w, layers, f, decoder),
            "the network runs in each of the T steps.",
        ),
        Misconception(
            "layers multiplied",
            _of(lambda a: (a[:, 0] * a[:, 1] * a[:, 2] ** 2).prod()),
            "layers follow each other: their multiplications add up.",
        ),
        Misconception(
            "costs exchanged",
            lambda *args: sampling_cost(*args)[::-1],
            "first the cost in pixels, then the cost in codes.",
        ),
    ),
)
