"""The exact score given a linear measurement, for Gaussian data: `posterior_score`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.controllable_generation.common import F64, WITHHOLDS, criteria


def posterior_score(
    x_t: Tensor, mean: Tensor, cov: Tensor, A: Tensor, y: Tensor, tau: float, alpha_bar: float
) -> Tensor:
    """x_0 given y by conditioning (lesson 01), then noised; the same as the score of x_t plus equation (11.24)."""
    measured = A @ cov @ A.T + tau**2 * torch.eye(len(A), dtype=F64)
    gain = cov @ A.T @ torch.linalg.inv(measured)
    mean_y, cov_y = mean + gain @ (y - A @ mean), cov - gain @ A @ cov
    noisy = alpha_bar * cov_y + (1 - alpha_bar) * torch.eye(len(mean), dtype=F64)
    return -(x_t - alpha_bar**0.5 * mean_y) @ torch.linalg.inv(noisy)


class _Parts:
    """What the answer is made of."""

    def __init__(self, x: Tensor, mean: Tensor, cov: Tensor, A: Tensor, y: Tensor, tau: float, ab: float) -> None:
        self.x, self.A, self.y, self.tau, self.ab, self.root = x, A, y, tau, ab, ab**0.5
        self.eye, self.small = torch.eye(len(mean), dtype=F64), torch.eye(len(A), dtype=F64)
        gain = torch.linalg.inv(ab * cov + (1 - ab) * self.eye)
        self.prior = (self.root * mean - x) @ gain
        self.guess = mean - self.root * self.prior @ cov
        self.left = cov - ab * cov @ gain @ cov

    def pull(
        self,
        C: Tensor | None = None,
        jacobian: Tensor | None = None,
        at: Tensor | None = None,
        tau2: float | None = None,
    ) -> Tensor:
        """Gradient of log q(y | x_t), with other parts put in."""
        C = self.left if C is None else C
        J = self.root / (1 - self.ab) * self.left if jacobian is None else jacobian
        noise = (self.tau**2 if tau2 is None else tau2) * self.small
        away = (self.y - (self.guess if at is None else at) @ self.A.T).T
        return torch.linalg.lstsq(self.A @ C @ self.A.T + noise, away).solution.T @ self.A @ J


def _case(answer: Callable[[_Parts], Tensor]) -> Callable[..., Tensor]:
    def wrong(x: Tensor, mean: Tensor, cov: Tensor, A: Tensor, y: Tensor, tau: float, alpha_bar: float) -> Tensor:
        return answer(_Parts(x, mean, cov, A, y, tau, alpha_bar))

    return wrong


def _draw(d: Draw) -> Iterator[Case]:
    def problem(n: int, rows: int, batch: int) -> tuple[Tensor, ...]:
        root = d.randn(n, n, dtype=F64)
        cov = 0.5 * root @ root.T + 0.3 * torch.eye(n, dtype=F64)
        x, mean = d.randn(batch, n, dtype=F64), d.randn(n, dtype=F64)
        return x, mean, cov, d.randn(rows, n, dtype=F64), d.randn(rows, dtype=F64)

    p, tau, level = problem(3, 2, 4), d.uniform(0.3, 0.9), d.uniform(0.3, 0.7)
    some = torch.eye(3, dtype=F64)[[0, 2]]
    yield Case("two measurements of three coordinates", (*p, tau, level))
    yield Case("one measurement, more noise in x_t", (*problem(3, 1, 5), tau, level / 2))
    yield Case("inpainting: two coordinates are known exactly", (*p[:3], some, p[4], 0.0, level), "edges")
    yield Case("a very noisy measurement", (*p, 50.0, level), "edges")
    yield Case("one coordinate", (*problem(1, 1, 4), tau, level), "edges")
    yield Case("one noisy point", (p[0][:1], *p[1:], tau, level), "edges")
    yield Case("as many points as coordinates", (*problem(3, 2, 3), tau, level), "edges")
    yield Case("nearly all noise", (*p, tau, 0.01), "edges")
    yield Case("called twice", (*p, tau, level), "clean", "twice")


EXERCISE = Exercise(
    name="guidance.posterior_score",
    prompt="Compute the exact score of q(x_t | y) for Gaussian data N(mean, cov) and a measurement y = A x_0 + tau noise.",
    signature="posterior_score(x_t (B, d), mean (d,), cov (d, d), A (m, d), y (m,), tau float, alpha_bar float) -> (B, d)",
    reference=posterior_score,
    draw=_draw,
    criteria=criteria(3, 1, 1, at="no measurement noise, very noisy measurement, one coordinate, nearly all noise"),
    equation="11.24",
    difficulty=5,
    minutes=30,
    level="stretch",
    hints=(
        "Bayes for scores: the score of q(x_t) plus the gradient of log q(y | x_t). Or: condition x_0 on y first (lesson 01), "
        "and take the score of that Gaussian after noise.",
        "V = alpha_bar cov + (1 - alpha_bar) I; prior = -V^-1 (x_t - sqrt(alpha_bar) mean); guess = mean + sqrt(alpha_bar) cov "
        "V^-1 (x_t - sqrt(alpha_bar) mean); C = cov - alpha_bar cov V^-1 cov; then (11.24) with (11.25).",
        "K = cov @ A.T @ torch.linalg.inv(A @ cov @ A.T + tau**2 * eye_m); m = mean + K @ (y - A @ mean); S = cov - K @ A @ cov; "
        "return -(x_t - alpha_bar**0.5 * m) @ torch.linalg.inv(alpha_bar * S + (1 - alpha_bar) * eye_d)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "guess taken for certain",
            _case(lambda p: p.prior + p.pull(C=0 * p.left, tau2=max(p.tau**2, 1e-3))),
            "C_t is missing: the guess of x_0 is taken for certain, as in diffusion posterior sampling. The measurement then "
            "pulls too hard at large noise.",
        ),
        Misconception(
            "measurement alone",
            _case(lambda p: p.pull()),
            "this is the gradient of log q(y | x_t) alone. The score of q(x_t) has to be added.",
        ),
        Misconception(
            "measurement ignored",
            _case(lambda p: p.prior),
            "this is the score of q(x_t). The measurement y does not occur in it.",
        ),
        Misconception(
            "sign of the measurement",
            _case(lambda p: p.prior - p.pull()),
            "the gradient of log q(y | x_t) is subtracted: this leads away from what was measured.",
        ),
        Misconception(
            "noisy point measured",
            _case(lambda p: p.prior + p.pull(at=p.x)),
            "you compare y with A x_t. The measurement is of x_0: compare with A times its best guess.",
        ),
        Misconception(
            "Jacobian left out",
            _case(lambda p: p.prior + p.pull(jacobian=p.eye)),
            "the gradient is in the guess of x_0. By the chain rule it is multiplied by the Jacobian of the guess, (11.25).",
        ),
        Misconception(
            "Jacobian of a shrunk point",
            _case(lambda p: p.prior + p.pull(jacobian=p.eye / p.root)),
            "you take 1/sqrt(alpha_bar) for the Jacobian of the guess. That treats the noise as known; use (11.25).",
        ),
        Misconception(
            "data of variance 1",
            _case(lambda p: p.prior + p.pull(C=(1 - p.ab) * p.eye)),
            "you use C_t = (1 - alpha_bar) I, which is right for standard normal data. Here the covariance is given.",
        ),
        Misconception(
            "data covariance for C",
            _case(lambda p: p.prior + p.pull(C=torch.linalg.inv(torch.linalg.inv(p.left) - p.ab / (1 - p.ab) * p.eye))),
            "you use the covariance of the data for C_t. Given x_t, less is unknown: C_t = cov - alpha_bar cov V^-1 cov.",
        ),
        Misconception(
            "deviation for variance",
            _case(lambda p: p.prior + p.pull(tau2=p.tau)),
            "the measurement has the variance tau^2; you add tau.",
        ),
    ),
)
