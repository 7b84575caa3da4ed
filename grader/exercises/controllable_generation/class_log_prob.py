"""The exact classifier of noisy points: `class_log_prob`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Criterion, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import F64, WITHHOLDS, Labelled, criteria, labelled, log_joint


def class_log_prob(
    x_t: Tensor, y: int, labels: Tensor, weights: Tensor, means: Tensor, var: Tensor, alpha_bar: float
) -> Tensor:
    """Equation (11.4)."""
    noisy_var = alpha_bar * var + 1 - alpha_bar
    square = ((x_t.unsqueeze(1) - alpha_bar**0.5 * means) ** 2).sum(2)
    log_parts = torch.log(weights) - 0.5 * (square / noisy_var + x_t.shape[1] * torch.log(noisy_var))
    return torch.logsumexp(log_parts[:, labels == y], dim=1) - torch.logsumexp(log_parts, dim=1)


def _share(parts: Tensor, m: Labelled) -> Tensor:
    return torch.logsumexp(parts[:, m.labels == m.y], dim=1) - torch.logsumexp(parts, dim=1)


def _wrong(x_t: Tensor, m: Labelled, alpha_bar: float, how: str) -> Tensor:
    """log q(y | x_t) with one mistake."""
    right = log_joint(x_t, m, alpha_bar)
    if how == "joint":
        return torch.logsumexp(right[:, m.labels == m.y], dim=1)
    if how == "largest":
        return right[:, m.labels == m.y].amax(1) - torch.logsumexp(right, 1)
    if how == "within":
        inside = right[:, m.labels == m.y]
        return inside.amax(1) - torch.logsumexp(inside, 1)
    if how == "underflow":
        parts = torch.exp(right)
        return torch.log(parts[:, m.labels == m.y].sum(1) / parts.sum(1))
    var = alpha_bar * m.var + 1 - alpha_bar
    shrink, dims = alpha_bar**0.5, x_t.shape[1]
    if how == "no root":
        shrink = alpha_bar
    if how == "not shrunk":
        shrink = 1.0
    if how == "clean variance":
        var = m.var
    if how == "one axis":
        dims = 1
    square = ((x_t.unsqueeze(1) - shrink * m.means) ** 2).sum(2)
    return _share(torch.log(m.weights) - 0.5 * (square / var + dims * torch.log(var)), m)


def _no_prior(x_t: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    return _share(log_joint(x_t, m, alpha_bar) - torch.log(m.weights), m)


def _draw(d: Draw) -> Iterator[Case]:
    m, x, level = labelled(d), 1.5 * d.randn(6, 2, dtype=F64), d.uniform(0.3, 0.7)
    other = labelled(d, 3)
    yield Case("points in the plane", (x, *m, level))
    yield Case("points in space, more noise", (d.randn(4, 3, dtype=F64), *other, level / 2))
    yield Case("no noise, alpha_bar = 1", (x, *m, 1.0), "edges")
    yield Case("nearly all noise", (x, *m, 1e-4), "edges")
    yield Case("one point", (0.3 * x[:1], *m, level), "edges")
    yield Case("as many points as components", (d.randn(5, 2, dtype=F64), *m, level), "edges")
    yield Case("a class with one component", (x, 2, *m[1:], level), "edges")
    yield Case("called twice", (x, *m, level), "edges", "twice")
    wide = m._replace(y=(int(m.labels[0]) + 1) % 3, var=torch.cat([2 + m.var[:1], m.var[1:]]))
    # Far away the widest component takes all.  Another class is asked for, whose logarithm is far from 0.
    yield Case("far from every component", (80 + 5 * x, *wide, level), "far")
    # There the logarithms are in the thousands, and beside them a wrong weight is not seen.
    yield Case("a little out", (2 * x, *wide, level), "far")


def _case(how: str) -> Callable[..., Tensor]:
    def wrong(x: Tensor, y: int, labels: Tensor, w: Tensor, means: Tensor, var: Tensor, alpha_bar: float) -> Tensor:
        return _wrong(x, Labelled(y, labels, w, means, var), alpha_bar, how)

    return wrong


EXERCISE = Exercise(
    name="guidance.class_log_prob",
    prompt="Compute log q(y | x_t), the exact classifier of noisy points, for a mixture whose components have classes.",
    signature="class_log_prob(x_t (B, d), y int, labels (K,), weights (K,), means (K, d), var (K,), alpha_bar float) -> (B,)",
    reference=class_log_prob,
    draw=_draw,
    criteria=(
        *criteria(2, 1, at="no noise, nearly all noise, one point, as many points as components"),
        Criterion("far", 1, "points far from every component"),
    ),
    equation="11.4",
    difficulty=3,
    minutes=15,
    hints=(
        "Bayes' rule among components. Each noisy component is a Gaussian; add up those of the class, and divide by all. "
        "Do it with logarithms.",
        "log parts = log w_k - 1/2 (||x_t - sqrt(alpha_bar) mu_k||^2 / V_k + d log V_k), V_k = alpha_bar var_k + 1 - "
        "alpha_bar; then logsumexp over the class minus logsumexp over all.",
        "return torch.logsumexp(log_parts[:, labels == y], dim=1) - torch.logsumexp(log_parts, dim=1)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "clean classifier",
            lambda x, y, k, w, mu, var, ab: class_log_prob(x, y, k, w, mu, var, 1.0),
            "this is the classifier of clean data, asked about a noisy point. It must know the noise: shrink the means by "
            "sqrt(alpha_bar) and widen the variances to alpha_bar var + 1 - alpha_bar.",
        ),
        Misconception(
            "shrinking undone, noise ignored",
            lambda x, y, k, w, mu, var, ab: class_log_prob(x / ab**0.5, y, k, w, mu, var, 1.0),
            "you divide x_t by sqrt(alpha_bar) and ask the clean classifier. The noise is still in x_t: the variances grow.",
        ),
        Misconception(
            "weights forgotten",
            lambda x, y, k, w, mu, var, ab: _no_prior(x, Labelled(y, k, w, mu, var), ab),
            "all components count alike. Multiply each density by its weight w_k (add log w_k).",
        ),
        Misconception(
            "variance without noise",
            _case("clean variance"),
            "the means are shrunk, but the variances are those of the clean components. The noise adds 1 - alpha_bar.",
        ),
        Misconception(
            "means not shrunk",
            _case("not shrunk"),
            "the noisy component sits at sqrt(alpha_bar) mu_k, not at mu_k.",
        ),
        Misconception(
            "no root",
            _case("no root"),
            "the means are multiplied by alpha_bar. Its root belongs there.",
        ),
        Misconception(
            "normaliser of one axis",
            _case("one axis"),
            "in d dimensions the normal density has d factors 1/sqrt(V_k): the term is d log V_k, not log V_k.",
        ),
        Misconception(
            "not divided",
            _case("joint"),
            "this is log of q(x_t, y), up to a constant. Divide by q(x_t): subtract the logsumexp over all components.",
        ),
        Misconception(
            "largest component only",
            _case("largest"),
            "you take the largest component of the class. A class is the sum of its components: logsumexp, not max.",
        ),
        Misconception(
            "divided by the class only",
            _case("within"),
            "you divide by the sum over the class itself. The denominator runs over all components of all classes.",
        ),
        Misconception(
            "a probability, no logarithm",
            lambda x, y, k, w, mu, var, ab: class_log_prob(x, y, k, w, mu, var, ab).exp(),
            "this is the probability. Return its logarithm.",
        ),
        Misconception(
            "exp first",
            _case("underflow"),
            "far from the data every exp(..) is rounded to 0, and 0/0 is nan. logsumexp stays with the logarithms.",
        ),
    ),
)
