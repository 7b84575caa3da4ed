"""A trace from random probes: `hutchinson`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.probability_flow.common import WITHHOLDS, criteria, jacobian, random_layer


def hutchinson(x: Tensor, A: Tensor, b: Tensor, C: Tensor, probes: Tensor) -> Tensor:
    """The mean of z.Jz over the probes, for v(x) = C tanh(A x + b).  The inside of (9.20)."""
    slopes = 1 - torch.tanh(x @ A.mT + b) ** 2
    bent = ((probes @ A.mT) * slopes) @ C.mT
    return (probes * bent).sum(2).mean(0)


def _by(rule: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """rule(probes (n, B, d), J z (n, B, d))."""

    def wrong(x: Tensor, A: Tensor, b: Tensor, C: Tensor, probes: Tensor) -> Tensor:
        return rule(probes, torch.einsum("bij,nbj->nbi", jacobian(x, A, b, C), probes))

    return wrong


def _with_probes(change: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda x, A, b, C, probes: hutchinson(x, A, b, C, change(probes))


def _exact(x: Tensor, A: Tensor, b: Tensor, C: Tensor, probes: Tensor) -> Tensor:
    return jacobian(x, A, b, C).diagonal(dim1=1, dim2=2).sum(1)


def _no_derivative(x: Tensor, A: Tensor, b: Tensor, C: Tensor, probes: Tensor) -> Tensor:
    return (probes * (torch.tanh(x @ A.mT + b) @ C.mT)).sum(2).mean(0)


def _draw_hutchinson(d: Draw) -> Iterator[Case]:
    x, field = d.randn(5, 3, dtype=torch.float64), random_layer(d, 3, 4)
    probes, signs = d.randn(4, 5, 3, dtype=torch.float64), torch.sign(d.randn(3, 4, 2, dtype=torch.float64))
    yield Case("four normal probes per point", (x, *field, probes))
    yield Case("three probes of signs", (d.randn(4, 2, dtype=torch.float64), *random_layer(d, 2, 5), signs))
    yield Case("one probe", (x, *field, probes[:1]), "edges")
    yield Case("one point", (x[:1], *field, probes[:, :1]), "edges")
    yield Case("as many points as dimensions", (x[:3], *field, probes[:, :3]), "edges")
    yield Case("called twice", (x, *field, probes), "edges", "twice")


EXERCISE = Exercise(
    name="flow.hutchinson",
    prompt="Estimate the divergence of the small field with the given probes.",
    signature="hutchinson(x (B, d), A (H, d), b (H,), C (d, H), probes (n, B, d)) -> (B,)",
    reference=hutchinson,
    draw=_draw_hutchinson,
    criteria=criteria(3, 1, at="one probe, one point, as many points as dimensions"),
    equation="9.20",
    difficulty=3,
    minutes=15,
    hints=(
        "The gradient of z . v(x) in x is J^T z. Its inner product with z is z . Jz: one backward pass, however many "
        "dimensions there are. Average over the probes.",
        "For each z: g = torch.autograd.grad(v, x, z, retain_graph=True)[0]; part = (g * z).sum(1). Or by hand: "
        "Jz = C ((1 - tanh^2) * (A z)).",
        "slopes = 1 - torch.tanh(x @ A.mT + b)**2; Jz = ((probes @ A.mT) * slopes) @ C.mT; return (probes * Jz).sum(2).mean(0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "exact trace",
            _exact,
            "this is the exact divergence. It is the mean that the estimate has, but here the estimate from these probes "
            "is asked for.",
        ),
        Misconception(
            "sum over probes",
            _by(lambda z, Jz: (z * Jz).sum(2).sum(0)),
            "you summed over the probes. Average them.",
        ),
        Misconception(
            "mean over dimensions",
            _by(lambda z, Jz: (z * Jz).mean(2).mean(0)),
            "you took the mean over the dimensions. An inner product is a sum.",
        ),
        Misconception(
            "only Jz summed",
            _by(lambda z, Jz: Jz.sum(2).mean(0)),
            "Jz is summed without the second z. z stands on both sides: z . Jz. That is what picks out the diagonal.",
        ),
        Misconception(
            "length of Jz",
            _by(lambda z, Jz: (Jz**2).sum(2).mean(0)),
            "this is the squared length of Jz. Its mean is the sum of the squares of all entries. Take z . Jz.",
        ),
        Misconception(
            "field not differentiated",
            _no_derivative,
            "this is z . v(x), without a derivative. Differentiate it along z.",
        ),
        Misconception(
            "divided by the length of z",
            _by(lambda z, Jz: ((z * Jz).sum(2) / (z**2).sum(2)).mean(0)),
            "you divided by z . z. The estimate is unbiased because E[z z^T] = I, with no division.",
        ),
        Misconception(
            "probes averaged first",
            _with_probes(lambda z: z.mean(0, keepdim=True)),
            "you averaged the probes and used one mean probe. Each probe makes its own estimate; average those.",
        ),
        Misconception(
            "first probe only",
            _with_probes(lambda z: z[:1]),
            "only the first probe is used. Average over all of them.",
        ),
        Misconception(
            "one probe for the whole batch",
            _with_probes(lambda z: z[:, :1]),
            "every point uses the first point's probes. Then all errors go the same way. Each point has its own.",
        ),
        Misconception(
            "minus",
            lambda *args: -hutchinson(*args),
            "the sign is turned. The divergence itself is asked for.",
        ),
    ),
)
