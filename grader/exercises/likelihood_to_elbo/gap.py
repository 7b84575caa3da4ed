"""What the bound loses: `gap`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.likelihood_to_elbo.common import F64, WITHHOLDS, criteria

Posterior = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def _condition(x_0: Tensor, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (B, T) and covariance (T, T) of x_1 .. x_T given x_0: lesson 01."""
    gain = cov[1:, 0] / cov[0, 0]
    return mean[1:] + gain * (x_0.unsqueeze(1) - mean[0]), cov[1:, 1:] - torch.outer(gain, cov[0, 1:])


def _parts(q_mean: Tensor, q_cov: Tensor, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """tr(S_p^-1 S_q), the squared distance of the means (B,), log det S_p - log det S_q."""
    inverse = torch.linalg.inv(cov)
    delta = mean - q_mean
    square = torch.einsum("bi,ij,bj->b", delta, inverse, delta)
    return (inverse * q_cov.mT).sum(), square, torch.logdet(cov) - torch.logdet(q_cov)


def _kl(q_mean: Tensor, q_cov: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    trace, square, logs = _parts(q_mean, q_cov, mean, cov)
    return 0.5 * (trace + square - len(q_cov) + logs)


def gap(x_0: Tensor, q_mean: Tensor, q_cov: Tensor, p_mean: Tensor, p_cov: Tensor) -> Tensor:
    """Equation (3.11)."""
    gain = p_cov[1:, 0] / p_cov[0, 0]
    delta = p_mean[1:] + gain * (x_0.unsqueeze(1) - p_mean[0]) - q_mean
    cov = p_cov[1:, 1:] - torch.outer(gain, p_cov[0, 1:])
    inverse = torch.linalg.inv(cov)
    square = torch.einsum("bi,ij,bj->b", delta, inverse, delta)
    return 0.5 * ((inverse * q_cov).sum() + square - len(cov) + torch.logdet(cov) - torch.logdet(q_cov))


def _with(posterior: Posterior) -> Callable[..., Tensor]:
    return lambda x_0, qm, qc, pm, pc: _kl(qm, qc, *posterior(x_0, pm, pc))


def _with_parts(rule: Callable[[Tensor, Tensor, Tensor, int], Tensor]) -> Callable[..., Tensor]:
    return lambda x_0, qm, qc, pm, pc: rule(*_parts(qm, qc, *_condition(x_0, pm, pc)), len(qc))


def _reversed(x_0: Tensor, qm: Tensor, qc: Tensor, pm: Tensor, pc: Tensor) -> Tensor:
    mean, cov = _condition(x_0, pm, pc)
    return _kl(mean, cov, qm, qc)


def _marginal(x_0: Tensor, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
    return mean[1:].expand(len(x_0), -1), cov[1:, 1:]


def _uncentred(x_0: Tensor, mean: Tensor, cov: Tensor) -> tuple[Tensor, Tensor]:
    post = _condition(x_0, mean, cov)
    return mean[1:] + cov[1:, 0] / cov[0, 0] * x_0.unsqueeze(1), post[1]


def _covariance(d: Draw, n: int) -> Tensor:
    half = d.randn(n, n, dtype=F64)
    return half @ half.mT / n + 0.5 * torch.eye(n, dtype=F64)


def _draw_gap(d: Draw) -> Iterator[Case]:
    def question(T: int, B: int) -> tuple[Tensor, ...]:
        q = d.randn(B, T, dtype=F64), _covariance(d, T)
        return 1 + d.randn(B, dtype=F64), *q, 1 + d.randn(T + 1, dtype=F64), _covariance(d, T + 1)

    asked = question(3, 4)
    yield Case("three latent variables", asked)
    yield Case("five latent variables", question(5, 3))
    yield Case("one latent variable, T = 1", question(1, 3), "edges")
    yield Case("one example", question(4, 1), "edges")
    yield Case("as many examples as latent variables", question(4, 4), "edges")
    x_0, _, _, mean, cov = asked
    post, post_cov = _condition(x_0, mean, cov)
    yield Case("q is not far from the posterior", (x_0, post + 0.3, 0.8 * post_cov, mean, cov), "edges")
    yield Case("called twice", asked, "clean", "twice")
    cotangent = d.randn(4, dtype=F64)
    yield Case("gradient in the mean of q", asked, "clean", "gradient", wrt=1, cotangent=cotangent)


EXERCISE = Exercise(
    name="bound.gap",
    prompt="Give what the bound loses at x_0, as the divergence of q from the model's posterior.",
    signature="gap(x_0 (B,), q_mean (B, T), q_cov (T, T), p_mean (T+1,), p_cov (T+1, T+1)) -> (B,)",
    reference=gap,
    draw=_draw_gap,
    criteria=criteria(3, 1, 1, at="T = 1, one example, equal sizes, nearly no gap"),
    equation="3.11",
    difficulty=4,
    minutes=25,
    hints=(
        "Two tools of lesson 01: condition a Gaussian on one of its coordinates (coordinate 0 is x_0), and the KL of two Gaussians.",
        "k = p_cov[1:,0]/p_cov[0,0]; mean = p_mean[1:] + k (x_0 - p_mean[0]); S = p_cov[1:,1:] - k p_cov[0,1:]. Then "
        "KL = (tr(S^-1 q_cov) + (mean - q_mean)^T S^-1 (mean - q_mean) - T + log det S - log det q_cov)/2.",
        "P = torch.linalg.inv(S); e = mean - q_mean; return 0.5 * ((P * q_cov).sum() + torch.einsum('bi,ij,bj->b', e, P, e) "
        "- len(S) + torch.logdet(S) - torch.logdet(q_cov))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "not conditioned",
            _with(_marginal),
            "you compare q with p(x_{1:T}). It must be p(x_{1:T} | x_0): what the model believes of the path once it sees x_0.",
        ),
        Misconception(
            "the other way round",
            _reversed,
            "this is KL(p || q). The expectation in the bound is over q, so q comes first.",
        ),
        Misconception(
            "mean of p_0 forgotten",
            _with(_uncentred),
            "the posterior mean moves with x_0 - p_mean[0], the surprise. You use x_0 itself.",
        ),
        Misconception(
            "covariance not reduced",
            _with(lambda x, m, c: (_condition(x, m, c)[0], c[1:, 1:])),
            "the mean is conditioned, the covariance is not. Seeing x_0 also makes the rest less uncertain.",
        ),
        Misconception(
            "half forgotten",
            _with_parts(lambda tr, sq, logs, T: tr + sq - T + logs),
            "the factor 1/2 is missing.",
        ),
        Misconception(
            "T not subtracted",
            _with_parts(lambda tr, sq, logs, T: 0.5 * (tr + sq + logs)),
            "the number of latent variables is not subtracted: for q equal to the posterior the gap must be 0.",
        ),
        Misconception(
            "determinants swapped",
            _with_parts(lambda tr, sq, logs, T: 0.5 * (tr + sq - T - logs)),
            "the two log determinants have the wrong signs: log det of p's covariance minus log det of q's.",
        ),
        Misconception(
            "means not compared",
            _with_parts(lambda tr, sq, logs, T: 0.5 * (tr - T + logs) + 0 * sq),
            "the distance of the means is missing: two Gaussians also differ by where they are.",
        ),
        Misconception(
            "sum over the batch",
            lambda *args: gap(*args).sum(),
            "you summed over the batch. One number per example is asked for, shape (B,).",
        ),
    ),
)
