"""Mutants of lesson 06's references that are right."""

SAME_KIND = "only its dtype and number of axes are used, and both arguments have the same"
SAME_LENGTH = "only its length is used, and both tables have one row per data point"

EQUIVALENT: dict[str, dict[str, str]] = {
    "score.fit_score": {"phi -> dphi #2": SAME_LENGTH},
    "score.denoising_loss": {"x_0 -> noise": SAME_KIND},
    "score.tweedie": {"x_t -> score": SAME_KIND},
}
