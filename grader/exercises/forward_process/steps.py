"""One step, and the tables: q_step, linear_betas, alpha_bar_table, cosine_betas."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.forward_process.common import WITHHOLDS, criteria, random_beta


def q_step(x_prev: Tensor, t: int, beta: Tensor, noise: Tensor) -> Tensor:
    """Equation (2.3)."""
    return (1 - beta[t]).sqrt().to(x_prev) * x_prev + beta[t].sqrt().to(x_prev) * noise


def _draw_step(d: Draw) -> Iterator[Case]:
    T = d.integer(6, 12)
    beta, t = random_beta(d, T), d.integer(3, T - 2)
    x, noise = d.randn(3, 5), d.randn(3, 5)
    yield Case("a batch of vectors", (x, t, beta, noise))
    yield Case("a batch of images", (d.randn(2, 1, 4, 4), t - 1, beta, d.randn(2, 1, 4, 4)))
    yield Case("the first step, t = 1", (x, 1, beta, noise), "edges")
    yield Case("the last step, t = T", (x, T, beta, noise), "edges")
    yield Case("one example", (x[:1], t, beta, noise[:1]), "edges")
    yield Case("float32 stays float32", (x, t, beta, noise), "edges", strict_dtype=True)
    yield Case("float64", (x.double(), t, beta, noise.double()), "edges", strict_dtype=True)
    yield Case("a transposed view", (d.randn(5, 3).mT, t, beta, noise), "edges")
    yield Case("called twice", (x, t, beta, noise), "clean", "twice")
    yield Case("gradient in x", (x, t, beta, noise), "clean", "gradient", cotangent=d.randn(3, 5))


def _step_in_place(x_prev: Tensor, t: int, beta: Tensor, noise: Tensor) -> Tensor:
    with torch.no_grad():
        x_prev *= (1 - beta[t]).sqrt()
        x_prev += beta[t].sqrt() * noise
    return x_prev


STEP = Exercise(
    name="forward.q_step",
    prompt="Take one noising step: from x_{t-1} to x_t.",
    signature="q_step(x_prev (B, *D), t int in 1..T, beta (T+1,), noise (B, *D)) -> x_t (B, *D)",
    reference=q_step,
    draw=_draw_step,
    criteria=criteria(2, 1, 1, at="t = 1, t = T, one example, dtypes, any memory layout"),
    equation="2.3",
    difficulty=1,
    minutes=5,
    hints=(
        "A step first shrinks what is there, then adds fresh noise. Two numbers decide it, both made from beta[t].",
        "x_t = sqrt(1 - beta_t) * x_prev + sqrt(beta_t) * noise. A variance of beta_t is a standard deviation of sqrt(beta_t).",
        "return (1 - beta[t]).sqrt() * x_prev + beta[t].sqrt() * noise",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no shrinking",
            lambda x, t, beta, noise: x + beta[t].sqrt() * noise,
            "you add the noise but do not shrink x first. Then the variance grows at every step instead of settling at 1.",
        ),
        Misconception(
            "scale without root",
            lambda x, t, beta, noise: (1 - beta[t]) * x + beta[t].sqrt() * noise,
            "x is multiplied by 1 - beta_t; its square root belongs there, so that the variances add up to 1.",
        ),
        Misconception(
            "variance as standard deviation",
            lambda x, t, beta, noise: (1 - beta[t]).sqrt() * x + beta[t] * noise,
            "the noise is multiplied by beta_t. That is its variance; multiply by the standard deviation, sqrt(beta_t).",
        ),
        Misconception(
            "swapped",
            lambda x, t, beta, noise: beta[t].sqrt() * x + (1 - beta[t]).sqrt() * noise,
            "the two coefficients are swapped: beta_t is small and belongs to the noise.",
        ),
        Misconception(
            "index t-1",
            lambda x, t, beta, noise: q_step(x, t - 1, beta, noise),
            "you read the table at t - 1. The tables have T+1 entries, so step t uses beta[t].",
        ),
        Misconception(
            "index t+1",
            lambda x, t, beta, noise: q_step(x, t + 1, beta, noise),
            "you read the table at t + 1. The tables have T+1 entries, so step t uses beta[t].",
        ),
        Misconception(
            "jump instead of step",
            lambda x, t, beta, noise: (
                torch.cumprod(1 - beta, 0)[t].sqrt() * x + (1 - torch.cumprod(1 - beta, 0)[t]).sqrt() * noise
            ),
            "this is the jump from x_0 to x_t with alpha_bar_t. One step from x_{t-1} uses beta_t alone.",
        ),
        Misconception(
            "minus the noise",
            lambda x, t, beta, noise: (1 - beta[t]).sqrt() * x - beta[t].sqrt() * noise,
            "the noise is subtracted. In distribution that is the same, but the equation (and every later one) adds it.",
        ),
        Misconception(
            "changes x in place",
            _step_in_place,
            "the numbers are right, but x_prev itself is changed (x *= ... or x += ...), and autograd cannot see "
            "through it. Build a new tensor: the caller still needs the old one.",
        ),
    ),
)


def linear_betas(T: int, beta_1: float, beta_T: float) -> Tensor:
    """Equation (2.17)."""
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = torch.linspace(beta_1, beta_T, T, dtype=torch.float64)
    return beta


def _draw_linear(d: Draw) -> Iterator[Case]:
    low, high = d.uniform(1e-4, 0.02), d.uniform(0.03, 0.3)
    yield Case("a short table", (d.integer(5, 9), low, high))
    yield Case("a long table", (d.integer(100, 300), low, high))
    yield Case("a single step, T = 1", (1, low, high), "edges")
    yield Case("the table is float64", (20, low, high), "edges", strict_dtype=True)


def _from_rule(rule: str) -> Callable[[int, float, float], Tensor]:
    def wrong(T: int, beta_1: float, beta_T: float) -> Tensor:
        t = torch.arange(1, T + 1, dtype=torch.float64)
        share = {"no end": (t - 1) / T, "no start": t / T}[rule]
        return torch.cat([torch.zeros(1, dtype=torch.float64), beta_1 + share * (beta_T - beta_1)])

    return wrong


LINEAR = Exercise(
    name="forward.linear_betas",
    prompt="Build the linear table of betas, with beta[0] = 0.",
    signature="linear_betas(T int, beta_1 float, beta_T float) -> beta (T+1,) float64",
    reference=linear_betas,
    draw=_draw_linear,
    criteria=criteria(2, 1, at="T = 1, a float64 table"),
    equation="2.17",
    difficulty=1,
    minutes=5,
    hints=(
        "T numbers on a straight line, and one more in front of them for t = 0.",
        "beta[0] = 0; beta[1] = beta_1; beta[T] = beta_T; equal steps between. torch.linspace counts points, not gaps.",
        "torch.cat([torch.zeros(1, dtype=torch.float64), torch.linspace(beta_1, beta_T, T, dtype=torch.float64)])",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no entry for t = 0",
            lambda T, a, b: torch.linspace(a, b, T, dtype=torch.float64),
            "the table has T entries. It needs T+1: beta[0] = 0 stands for the clean data, so that beta[t] belongs to step t.",
        ),
        Misconception(
            "beta[0] = beta_1",
            lambda T, a, b: torch.linspace(a, b, T + 1, dtype=torch.float64),
            "the line starts at t = 0, so beta[0] = beta_1. No noise is in x_0: beta[0] must be 0, and the line runs from t = 1.",
        ),
        Misconception(
            "line from zero",
            lambda T, a, b: torch.linspace(0, b, T + 1, dtype=torch.float64),
            "the line runs from 0 to beta_T and never takes the value beta_1 at t = 1.",
        ),
        Misconception(
            "end not reached",
            _from_rule("no end"),
            "the line is divided into T gaps and stops short of beta_T. From t = 1 to t = T there are T - 1 gaps.",
        ),
        Misconception(
            "start not reached",
            _from_rule("no start"),
            "beta[1] is already one gap above beta_1. Use (t - 1)/(T - 1), which is 0 at t = 1.",
        ),
        Misconception(
            "float32",
            lambda T, a, b: linear_betas(T, a, b).float(),
            "the values are right, but the table is float32. Products of a thousand factors want float64.",
        ),
        Misconception(
            "falls instead of rises",
            lambda T, a, b: torch.cat([torch.zeros(1, dtype=torch.float64), linear_betas(T, b, a)[1:]]),
            "the table runs from beta_T down to beta_1. Noise is added gently first: it starts at beta_1.",
        ),
    ),
)


def alpha_bar_table(beta: Tensor) -> Tensor:
    """Equation (2.8)."""
    return torch.cumprod(1 - beta, 0)


def _draw_alpha_bar(d: Draw) -> Iterator[Case]:
    beta = random_beta(d, d.integer(5, 9))
    yield Case("a short table", (beta,))
    yield Case("a long table", (random_beta(d, 200, 1e-4, 0.05),))
    yield Case("a single step, T = 1", (random_beta(d, 1),), "edges")
    yield Case("the table stays float64", (beta,), "edges", strict_dtype=True)
    yield Case("called twice", (beta,), "clean", "twice")
    # No gradient case: beta[0] is a constant, and a right answer may or may not let a gradient reach it.


def _alpha_bar_in_place(beta: Tensor) -> Tensor:
    with torch.no_grad():
        beta.neg_().add_(1)
    return torch.cumprod(beta, 0)


ALPHA_BAR = Exercise(
    name="forward.alpha_bar_table",
    prompt="Turn the table of betas into the table of alpha_bar.",
    signature="alpha_bar_table(beta (T+1,)) -> alpha_bar (T+1,)",
    reference=alpha_bar_table,
    draw=_draw_alpha_bar,
    criteria=(*criteria(1, 1, at="T = 1, a float64 table"), Criterion("clean", 1, "input untouched")),
    equation="2.8",
    difficulty=1,
    minutes=5,
    hints=(
        "alpha_t = 1 - beta_t, and the bar means the running product of the alphas so far.",
        "alpha_bar[t] = alpha[1] * ... * alpha[t]. Because beta[0] = 0, the product may start at index 0 as well.",
        "return torch.cumprod(1 - beta, dim=0)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "no product",
            lambda beta: 1 - beta,
            "this is alpha_t, one step's share. alpha_bar_t is the product of alpha_1 .. alpha_t.",
        ),
        Misconception(
            "product of betas",
            lambda beta: torch.cumprod(beta, 0),
            "you multiply the betas. Multiply the alphas, 1 - beta: they are the shares of variance that are kept.",
        ),
        Misconception(
            "one minus sum",
            lambda beta: 1 - torch.cumsum(beta, 0),
            "you subtract the sum of the betas. That is only the first term of the product and becomes negative.",
        ),
        Misconception(
            "exponential of minus sum",
            lambda beta: torch.exp(-torch.cumsum(beta, 0)),
            "exp(-sum of beta) is the limit of many tiny steps; with these betas the product is smaller.",
        ),
        Misconception(
            "geometric mean",
            lambda beta: torch.cat(
                [
                    torch.ones_like(beta[:1]),
                    torch.cumprod(1 - beta, 0)[1:] ** (1 / torch.arange(1, len(beta)).to(beta)),
                ]
            ),
            "this is the geometric mean. The bar stands for the running product itself, without the t-th root.",
        ),
        Misconception(
            "shifted",
            lambda beta: torch.cat([torch.ones_like(beta[:1]), torch.cumprod(1 - beta, 0)[:-1]]),
            "the table is shifted by one: entry t holds alpha_bar_{t-1}. With beta[0] = 0 no padding is needed.",
        ),
        Misconception(
            "square root",
            lambda beta: torch.cumprod((1 - beta).sqrt(), 0),
            "these are the square roots. They come later, as the factor of x_0; the table holds alpha_bar itself.",
        ),
        Misconception(
            "what is noise",
            lambda beta: 1 - torch.cumprod(1 - beta, 0),
            "this is 1 - alpha_bar, the noise's share of the variance. alpha_bar is the data's share and starts at 1.",
        ),
        Misconception(
            "changes beta in place",
            _alpha_bar_in_place,
            "the table is right, but your function overwrote beta. The next cell that needs the betas finds other numbers.",
        ),
    ),
)


def cosine_betas(T: int, s: float, beta_max: float) -> Tensor:
    """Equation (2.18)."""
    f = _curve(T, s)
    beta = torch.zeros(T + 1, dtype=torch.float64)
    beta[1:] = (1 - f[1:] / f[:-1]).clamp(max=beta_max)
    return beta


def _curve(T: int, s: float, power: int = 2, end: float = 1.0) -> Tensor:
    u = torch.arange(T + 1, dtype=torch.float64) / T
    return torch.cos(math.pi / 2 * (u + s) / (end + s)) ** power


def _cosine_from(f: Tensor, beta_max: float) -> Tensor:
    return torch.cat([torch.zeros(1, dtype=torch.float64), (1 - f[1:] / f[:-1]).clamp(max=beta_max)])


def _draw_cosine(d: Draw) -> Iterator[Case]:
    s = d.uniform(0.004, 0.03)
    yield Case("a short table", (d.integer(6, 12), s, 0.999))
    yield Case("a long table", (d.integer(100, 300), s, 0.999))
    yield Case("a lower clip", (d.integer(20, 30), s, 0.5), "edges")
    yield Case("the table is float64", (20, s, 0.999), "edges", strict_dtype=True)


COSINE = Exercise(
    name="forward.cosine_betas",
    prompt="Build the cosine table of betas, with beta[0] = 0 and beta clipped at beta_max.",
    signature="cosine_betas(T int, s float, beta_max float) -> beta (T+1,) float64",
    reference=cosine_betas,
    draw=_draw_cosine,
    criteria=criteria(2, 1, at="another clip, a float64 table"),
    equation="2.18",
    difficulty=2,
    minutes=10,
    hints=(
        "This schedule is drawn from its end: first the curve alpha_bar, then the betas that lead along it.",
        "f(t) = cos^2(pi/2 (t/T + s)/(1 + s)), alpha_bar_t = f(t)/f(0), beta_t = 1 - alpha_bar_t/alpha_bar_{t-1}, at most beta_max.",
        "beta[1:] = (1 - f[1:] / f[:-1]).clamp(max=beta_max), with f computed at t = 0..T (f(0) cancels in the ratio)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "not divided by f(0)",
            lambda T, s, m: _cosine_from(torch.cat([torch.ones(1, dtype=torch.float64), _curve(T, s)[1:]]), m),
            "alpha_bar must be f(t)/f(0). Without the division the first step jumps from 1 to f(1) and beta_1 is too large.",
        ),
        Misconception(
            "cosine without square",
            lambda T, s, m: _cosine_from(_curve(T, s, power=1), m),
            "the cosine is not squared. cos itself is the curve of sqrt(alpha_bar).",
        ),
        Misconception(
            "offset not divided out",
            lambda T, s, m: _cosine_from(_curve(T, s, end=1.0 - s), m),
            "t/T + s must be divided by 1 + s, so that the curve just reaches 0 at t = T.",
        ),
        Misconception(
            "no clip",
            lambda T, s, m: cosine_betas(T, s, 1.0),
            "beta is not clipped at beta_max. At t = T the curve is 0 and beta would be 1: all data gone in one step.",
        ),
        Misconception(
            "returns alpha_bar",
            lambda T, s, m: _curve(T, s) / _curve(T, s)[0],
            "this is the table of alpha_bar. Go on to beta_t = 1 - alpha_bar_t / alpha_bar_{t-1}.",
        ),
        Misconception(
            "alpha instead of beta",
            lambda T, s, m: 1 - cosine_betas(T, s, m),
            "these are the alphas, alpha_bar_t / alpha_bar_{t-1}. beta is 1 minus them.",
        ),
        Misconception(
            "ratio upside down",
            lambda T, s, m: torch.cat(
                [torch.zeros(1, dtype=torch.float64), (_curve(T, s)[:-1] / _curve(T, s)[1:] - 1).clamp(max=m)]
            ),
            "the ratio is upside down: divide alpha_bar_t by alpha_bar_{t-1}, not the other way round.",
        ),
        Misconception(
            "no entry for t = 0",
            lambda T, s, m: cosine_betas(T, s, m)[1:],
            "the table has T entries; put beta[0] = 0 in front, so that beta[t] belongs to step t.",
        ),
    ),
)
