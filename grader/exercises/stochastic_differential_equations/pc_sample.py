"""Predictor and corrector together: `pc_sample`."""

from collections.abc import Callable, Iterator

from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception, Served
from grader.exercises.stochastic_differential_equations.common import (
    CLEAN,
    F64,
    WITHHOLDS,
    Field,
    criteria,
    random_score,
    random_times,
)
from grader.exercises.stochastic_differential_equations.corrector_step import corrector_step
from grader.exercises.stochastic_differential_equations.reverse_sample import reverse_sample


def pc_sample(
    score: Field, x: Tensor, times: Tensor, z_pred: Tensor, z_corr: Tensor, rho: float, ends: tuple[float, float]
) -> Tensor:
    """Equations (8.26) and (8.31) in turn: one predictor step, then K corrector steps at the new time."""
    for i in range(len(z_pred)):
        x = reverse_sample(score, x, times[i : i + 2], z_pred[i : i + 1], *ends)
        for z in z_corr[i]:
            x = corrector_step(x, score(x, float(times[i + 1])), z, rho)
    return x


def _plan(
    score: Field,
    x: Tensor,
    times: Tensor,
    z_pred: Tensor,
    z_corr: Tensor,
    rho: float,
    ends: tuple[float, float],
    *,
    change: str,
) -> Tensor:
    """The sampler with one thing changed: "before", "old time", "once" or "stale"."""
    before = change == "before"
    for i in range(len(z_pred)):
        if not before:
            x = reverse_sample(score, x, times[i : i + 2], z_pred[i : i + 1], *ends)
        at = float(times[i] if before or change == "old time" else times[i + 1])
        s = score(x, at)
        for k, z in enumerate(z_corr[i][:1] if change == "once" else z_corr[i]):
            s = s if change == "stale" or k == 0 else score(x, at)
            x = corrector_step(x, s, z, rho)
        if before:
            x = reverse_sample(score, x, times[i : i + 2], z_pred[i : i + 1], *ends)
    return x


def _changed(change: str) -> Callable[..., Tensor]:
    return lambda *args: _plan(*args, change=change)


def _only_predictor(
    score: Field, x: Tensor, times: Tensor, z_pred: Tensor, z_corr: Tensor, rho: float, ends: tuple[float, float]
) -> Tensor:
    return reverse_sample(score, x, times, z_pred, *ends)


def _only_corrector(
    score: Field, x: Tensor, times: Tensor, z_pred: Tensor, z_corr: Tensor, rho: float, ends: tuple[float, float]
) -> Tensor:
    for i in range(len(z_pred)):
        for z in z_corr[i]:
            x = corrector_step(x, score(x, float(times[i + 1])), z, rho)
    return x


def _one_after_the_other(
    score: Field, x: Tensor, times: Tensor, z_pred: Tensor, z_corr: Tensor, rho: float, ends: tuple[float, float]
) -> Tensor:
    x = reverse_sample(score, x, times, z_pred, *ends)
    for z in z_corr.flatten(0, 1):
        x = corrector_step(x, score(x, float(times[-1])), z, rho)
    return x


def _same_noise(
    score: Field, x: Tensor, times: Tensor, z_pred: Tensor, z_corr: Tensor, rho: float, ends: tuple[float, float]
) -> Tensor:
    again = z_pred.unsqueeze(1).expand_as(z_corr)
    return pc_sample(score, x, times, z_pred, again, rho, ends)


def _not_at_the_end(
    score: Field, x: Tensor, times: Tensor, z_pred: Tensor, z_corr: Tensor, rho: float, ends: tuple[float, float]
) -> Tensor:
    x = pc_sample(score, x, times[:-1], z_pred[:-1], z_corr[:-1], rho, ends)
    return reverse_sample(score, x, times[-2:], z_pred[-1:], *ends)


def _draw_pc(d: Draw) -> Iterator[Case]:
    score, ends, rho = Served(random_score(d)), (d.uniform(0.2, 0.6), d.uniform(3, 6)), d.uniform(0.1, 0.2)
    times = random_times(d, 4, 0.02).flip(0)

    def noise(*shape: int) -> Tensor:
        return d.randn(*shape, dtype=F64)  # a corrector step divides by the score: float32 would lose digits there

    x, z_pred, z_corr = noise(3, 2), noise(4, 3, 2), noise(4, 2, 3, 2)
    rest = (rho, ends)
    images = noise(2, 1, 3, 3), times, noise(4, 2, 1, 3, 3), noise(4, 2, 2, 1, 3, 3)
    yield Case("four steps, two corrections each", (score, x, times, z_pred, z_corr, *rest))
    yield Case("images", (score, *images, *rest))
    yield Case("no corrections, K = 0", (score, x, times, z_pred, z_corr[:, :0], *rest), "edges")
    yield Case("three corrections", (score, x, times, z_pred, noise(4, 3, 3, 2), *rest), "edges")
    yield Case("one example", (score, x[:1], times, z_pred[:, :1], z_corr[:, :, :1], *rest), "edges")
    yield Case("float64 stays float64", (score, x, times, z_pred, z_corr, *rest), "edges", strict_dtype=True)
    yield Case("called twice", (score, x, times, z_pred, z_corr, *rest), "clean", "twice")
    yield Case("1 + K calls a step", (score, x, times, z_pred, z_corr, *rest), "clean", max_calls=12)


EXERCISE = Exercise(
    name="sde.pc_sample",
    prompt="Sample by turns of one predictor step and K corrector steps.",
    signature=(
        "pc_sample(score: x, t -> (B, *D), x (B, *D), times (n+1,) falling, z_pred (n, B, *D), z_corr (n, K, B, *D), "
        "rho float, ends (beta_min, beta_max)) -> (B, *D)"
    ),
    reference=pc_sample,
    draw=_draw_pc,
    criteria=criteria(4, 1, 1, at="K = 0, K = 3, one example, float64", clean_text=CLEAN),
    equation="8.31",
    difficulty=4,
    minutes=15,
    hints=(
        "A loop over the steps. First go to the next time with the reverse equation. Now the points are at times[i+1]: at "
        "which time must the corrector ask the score?",
        "x = one step of reverse_sample from times[i] to times[i+1] with z_pred[i]; then K times corrector_step with the "
        "score at times[i+1] and z_corr[i, k].",
        "x = reverse_sample(score, x, times[i : i + 2], z_pred[i : i + 1], *ends); then, for z in z_corr[i]: "
        "x = corrector_step(x, score(x, float(times[i + 1])), z, rho)",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "corrected at the old time",
            _changed("old time"),
            "the corrector asks the score at times[i]. After the prediction the points are at times[i+1].",
        ),
        Misconception(
            "corrector first",
            _changed("before"),
            "each turn corrects first and predicts then. The last step is then never corrected: predict first.",
        ),
        Misconception(
            "one correction only",
            _changed("once"),
            "only one corrector step is taken. z_corr[i] holds the noise of K of them.",
        ),
        Misconception(
            "old score in all corrections",
            _changed("stale"),
            "all corrections of a step use the same score. x has moved: ask again before each.",
        ),
        Misconception(
            "no corrector",
            _only_predictor,
            "there are no corrector steps: this is reverse_sample.",
        ),
        Misconception(
            "no predictor",
            _only_corrector,
            "there are no predictor steps: this is annealed Langevin dynamics of lesson 07.",
        ),
        Misconception(
            "all corrections at the end",
            _one_after_the_other,
            "all the predictions come first and all the corrections last. They take turns, so that an error is mended before "
            "it grows.",
        ),
        Misconception(
            "noise used again",
            _same_noise,
            "the corrector uses the predictor's noise. It needs noise of its own: z_corr[i, k].",
        ),
        Misconception(
            "last time not corrected",
            _not_at_the_end,
            "after the last prediction there is no correction. Every prediction is followed by K corrections.",
        ),
    ),
)
