"""The gradient of the exact classifier: `classifier_score`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import F64, WITHHOLDS, Labelled, criteria, labelled, log_joint


def classifier_score(
    x_t: Tensor, y: int, labels: Tensor, weights: Tensor, means: Tensor, var: Tensor, alpha_bar: float
) -> Tensor:
    """Equation (11.5)."""
    noisy_var = (alpha_bar * var + 1 - alpha_bar).unsqueeze(1)
    away = x_t.unsqueeze(1) - alpha_bar**0.5 * means
    square = (away**2 / noisy_var + torch.log(noisy_var)).sum(2)
    log_parts = torch.log(weights) - 0.5 * square
    r_of_y = torch.softmax(log_parts.masked_fill(labels != y, -torch.inf), dim=1)
    r = torch.softmax(log_parts, dim=1)
    return ((r_of_y - r).unsqueeze(2) * -away / noisy_var).sum(1)


def _pieces(x: Tensor, m: Labelled, alpha_bar: float) -> tuple[Tensor, Tensor, Tensor]:
    """r_{k|y} (B, K), r_k (B, K), and the scores of the components (B, K, d)."""
    parts = log_joint(x, m, alpha_bar)
    inside = torch.softmax(parts.masked_fill(m.labels != m.y, -torch.inf), 1)
    var = (alpha_bar * m.var + 1 - alpha_bar).unsqueeze(1)
    return inside, torch.softmax(parts, 1), -(x.unsqueeze(1) - alpha_bar**0.5 * m.means) / var


def _mean(r: Tensor, s: Tensor) -> Tensor:
    return torch.einsum("bk,bkd->bd", r, s)


def _case(answer: Callable[[Tensor, Labelled, float], Tensor]) -> Callable[..., Tensor]:
    def wrong(x: Tensor, y: int, labels: Tensor, w: Tensor, means: Tensor, var: Tensor, alpha_bar: float) -> Tensor:
        return answer(x, Labelled(y, labels, w, means, var), alpha_bar)

    return wrong


def _conditional(x: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    inside, _, s = _pieces(x, m, alpha_bar)
    return _mean(inside, s)


def _of_p(x: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    _, r, _ = _pieces(x, m, alpha_bar)
    return classifier_score(x, *m, alpha_bar) * r[:, m.labels == m.y].sum(1, keepdim=True)


def _not_renormalised(x: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    _, r, s = _pieces(x, m, alpha_bar)
    return _mean(r * (m.labels == m.y), s) - _mean(r, s)


def _plain_mean(x: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    _, r, s = _pieces(x, m, alpha_bar)
    return s[:, m.labels == m.y].mean(1) - _mean(r, s)


def _against_rest(x: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    inside, _, s = _pieces(x, m, alpha_bar)
    rest = torch.softmax(log_joint(x, m, alpha_bar).masked_fill(m.labels == m.y, -torch.inf), 1)
    return _mean(inside, s) - _mean(rest, s)


def _clean(x: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    return classifier_score(x, *m, 1.0)


def _clean_rescaled(x: Tensor, m: Labelled, alpha_bar: float) -> Tensor:
    return classifier_score(x / alpha_bar**0.5, *m, 1.0) / alpha_bar**0.5


def _draw(d: Draw) -> Iterator[Case]:
    m, x, level = labelled(d), 1.5 * d.randn(6, 2, dtype=F64), d.uniform(0.3, 0.7)
    yield Case("points in the plane", (x, *m, level))
    yield Case("points in space, more noise", (d.randn(4, 3, dtype=F64), *labelled(d, 3), level / 2))
    yield Case("no noise, alpha_bar = 1", (x, *m, 1.0), "edges")
    yield Case("nearly all noise", (x, *m, 1e-4), "edges")
    yield Case("one point", (x[:1], *m, level), "edges")
    yield Case("as many points as components", (d.randn(5, 2, dtype=F64), *m, level), "edges")
    yield Case("a class with one component", (x, 2, *m[1:], level), "edges")
    yield Case("far from every component", (60 + 5 * x, *m, level), "edges")
    yield Case("called twice", (x, *m, level), "clean", "twice")


EXERCISE = Exercise(
    name="guidance.classifier_score",
    prompt="Compute the gradient of log q(y | x_t) in x_t, for the same mixture.",
    signature="classifier_score(x_t (B, d), y int, labels (K,), weights (K,), means (K, d), var (K,), alpha_bar float) -> (B, d)",
    reference=classifier_score,
    draw=_draw,
    criteria=criteria(2, 1, 1, at="no noise, nearly all noise, one point, a class of one component, far away"),
    equation="11.5",
    difficulty=3,
    minutes=15,
    hints=(
        "Differentiate the two logsumexps of the last exercise. Each gives a weighted mean of the components' scores. Or "
        "let torch.autograd differentiate your own class_log_prob.",
        "With r = softmax of log parts over all k, and r_y = softmax over the components of class y (the others masked with "
        "-inf): sum_k (r_y - r)_k s_k, s_k = -(x_t - sqrt(alpha_bar) mu_k)/V_k.",
        "with torch.enable_grad(): x = x_t.detach().requires_grad_(); "
        "return torch.autograd.grad(class_log_prob(x, y, labels, weights, means, var, alpha_bar).sum(), x)[0]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "score of the class",
            _case(_conditional),
            "this is the gradient of log q(x_t | y), where the points of the class are. The classifier's gradient is the "
            "difference to the gradient of log q(x_t).",
        ),
        Misconception(
            "sign",
            lambda *args: -classifier_score(*args),
            "the sign is wrong: this leads away from class y. (A loss is minus the log probability; here we go uphill.)",
        ),
        Misconception(
            "gradient of the probability",
            _case(_of_p),
            "this is the gradient of q(y | x_t), not of its logarithm. Where the class is improbable it is far too weak.",
        ),
        Misconception(
            "shares of the class not renormalised",
            _case(_not_renormalised),
            "inside the class the shares must sum to 1: r_k divided by their sum over the class.",
        ),
        Misconception(
            "plain mean inside the class",
            _case(_plain_mean),
            "the components of the class are averaged with equal weights. Weigh each with its share r_{k|y} at x_t.",
        ),
        Misconception(
            "class against the rest",
            _case(_against_rest),
            "you subtract the mean over the other classes. The second sum of (11.5) runs over all components, class y too. "
            "(Yours is the gradient of the log odds.)",
        ),
        Misconception(
            "clean classifier",
            _case(_clean),
            "this is the gradient of the clean classifier at the noisy point. Shrink the means, widen the variances.",
        ),
        Misconception(
            "clean classifier, shrinking undone",
            _case(_clean_rescaled),
            "you ask the clean classifier about x_t / sqrt(alpha_bar). The noise is still in there: widen the variances.",
        ),
        Misconception(
            "in units of noise",
            lambda x, y, k, w, mu, var, ab: classifier_score(x, y, k, w, mu, var, ab) * (1 - ab) ** 0.5,
            "this is sqrt(1 - alpha_bar) times the gradient: what guidance will subtract from eps. Here the gradient itself "
            "is asked.",
        ),
    ),
)
