"""The one likelihood that can be computed: `chain_log_likelihood`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria, log_normal, per_number, random_table

Step = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def _run(x_0: Tensor, a: Tensor, b: Tensor, var: Tensor, step: Step, first: float = 1.0) -> tuple[Tensor, Tensor]:
    """Mean and variance of x_0, T steps back from the prior."""
    m, v = torch.zeros((), dtype=F64), torch.full((), first, dtype=F64)
    for t in range(len(a) - 1, 0, -1):
        m, v = step(m, v, a[t], b[t], var[t])
    return m.to(x_0), v.to(x_0)


def _right(m: Tensor, v: Tensor, a: Tensor, b: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    return a * m + b, a**2 * v + s


def chain_log_likelihood(x_0: Tensor, a: Tensor, b: Tensor, var: Tensor) -> Tensor:
    """Equation (3.4), then one normal density."""
    m, v = torch.zeros((), dtype=F64), torch.ones((), dtype=F64)
    for t in range(len(a) - 1, 0, -1):
        m, v = a[t] * m + b[t], a[t] ** 2 * v + var[t]
    return log_normal(x_0, m, v)


def _with(step: Step, first: float = 1.0) -> Callable[..., Tensor]:
    return lambda x_0, a, b, var: log_normal(x_0, *_run(x_0, a, b, var, step, first))


def _forwards(x_0: Tensor, a: Tensor, b: Tensor, var: Tensor) -> Tensor:
    order = [0, *range(len(a) - 1, 0, -1)]
    return chain_log_likelihood(x_0, a[order], b[order], var[order])


def _mean_path(x_0: Tensor, a: Tensor, b: Tensor, var: Tensor) -> Tensor:
    m, _ = _run(x_0, a, b, var, _right)
    return log_normal(x_0, m, var[1].to(x_0))


def _averaged(x_0: Tensor, a: Tensor, b: Tensor, var: Tensor) -> Tensor:
    return per_number(x_0, *_run(x_0, a, b, var, _right)).flatten(1).mean(1)


def _draw_likelihood(d: Draw) -> Iterator[Case]:
    def tables(T: int) -> tuple[Tensor, Tensor, Tensor]:
        return random_table(d, T, 0.4, 0.9), random_table(d, T, 0.2, 0.9), random_table(d, T, 0.2, 0.8)

    T = d.integer(3, 5)
    chain, x_0 = tables(T), d.randn(3, 5, dtype=F64)
    yield Case("vectors", (x_0, *chain))
    yield Case("images", (d.randn(2, 1, 3, 3, dtype=F64), *chain))
    yield Case("one step, T = 1", (x_0, *tables(1)), "edges")
    yield Case("many steps", (x_0, *tables(40)), "edges")
    yield Case("one example", (x_0[:1], *chain), "edges")
    yield Case("float32 stays float32", (x_0.float(), *chain), "edges", strict_dtype=True)
    yield Case("called twice", (x_0, *chain), "clean", "twice")
    yield Case("gradient in the shifts", (x_0, *chain), "clean", "gradient", wrt=2, cotangent=d.randn(3, dtype=F64))


EXERCISE = Exercise(
    name="bound.chain_log_likelihood",
    prompt="Give the exact log p(x_0) of a model whose steps are straight lines plus noise.",
    signature="chain_log_likelihood(x_0 (B, *D), a (T+1,), b (T+1,), var (T+1,)) -> (B,)",
    reference=chain_log_likelihood,
    draw=_draw_likelihood,
    criteria=criteria(3, 1, 1, at="T = 1, many steps, one example, float32"),
    equation="3.4",
    difficulty=3,
    minutes=15,
    hints=(
        "x_T is normal, and each step is an affine map plus independent noise. So x_0 is normal: find its mean and variance.",
        "Start with m = 0, v = 1. For t = T, T-1, .., 1: m becomes a_t m + b_t, v becomes a_t^2 v + var_t. "
        "Then log N(x_0; m, v I).",
        "for t in range(len(a) - 1, 0, -1): m, v = a[t] * m + b[t], a[t] ** 2 * v + var[t]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "scale not squared",
            _with(lambda m, v, a, b, s: (a * m + b, a * v + s)),
            "the variance is multiplied by a_t; scaling by a_t multiplies a variance by a_t squared.",
        ),
        Misconception(
            "starts at a point",
            _with(_right, 0.0),
            "you start with variance 0, as if x_T were known. It is drawn from N(0, I): the variance starts at 1.",
        ),
        Misconception(
            "from the wrong end",
            _forwards,
            "the steps are taken in the order 1, 2, .., T. The model starts at x_T: go from t = T down to t = 1.",
        ),
        Misconception(
            "shift forgotten",
            _with(lambda m, v, a, b, s: (a * m, a**2 * v + s)),
            "the shifts b_t are missing from the mean.",
        ),
        Misconception(
            "shift before scale",
            _with(lambda m, v, a, b, s: (a * (m + b), a**2 * v + s)),
            "the shift is scaled too: the mean of the step is a_t x_t + b_t, not a_t (x_t + b_t).",
        ),
        Misconception(
            "noise scaled too",
            _with(lambda m, v, a, b, s: (a * m + b, a**2 * (v + s))),
            "the new noise is scaled by a_t as well. It is added after the scaling: a_t^2 v + var_t.",
        ),
        Misconception(
            "only the last noise",
            _mean_path,
            "you follow the mean path and keep only the last step's variance. The noise of all earlier steps reaches x_0 too.",
        ),
        Misconception(
            "variance as standard deviation",
            _with(lambda m, v, a, b, s: (a * m + b, a**2 * v + s**2)),
            "var holds variances already; you square them once more.",
        ),
        Misconception(
            "average over the numbers",
            _averaged,
            "you average over the numbers of an example. Their log densities add up.",
        ),
        Misconception(
            "sum over the batch",
            lambda x, a, b, var: chain_log_likelihood(x, a, b, var).sum(),
            "you summed over the batch as well. One number per example is asked for, shape (B,).",
        ),
    ),
)
