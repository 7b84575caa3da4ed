"""Mutants of lesson 11's references that are right."""

SAME_KIND = "only its dtype and number of axes are used, and both arguments have the same"
SAME_ENTRY = "only its shape and dtype are used, and all entries of the table have the same"
SAME_LENGTH = "only its length is used, and both arguments have the same"
CONSTANT = "a constant added to a log density is a factor, which cancels: the caller cannot tell"

EQUIVALENT: dict[str, dict[str, str]] = {
    "guidance.class_log_prob": {"x_t -> means #2": "points and means have the same number of coordinates"},
    "guidance.guided_eps": {"eps -> grad #2": SAME_KIND, "eps -> grad #3": SAME_KIND},
    "guidance.in_order": {"cards -> left": SAME_LENGTH, "cards -> right": SAME_LENGTH},
    "guidance.tilted_density": {
        "adds 1 to log_p in place": CONSTANT,
        "adds 1 to log_class in place": CONSTANT,
        "adds 1 to x in place": "only differences of x count, so a shift of all points changes no answer",
    },
    "guidance.guided_gaussian": {"0 -> 1 #3": SAME_ENTRY, "0 -> 1 #4": SAME_ENTRY},
    "guidance.posterior_score": {"A -> y #4": SAME_LENGTH, "mean -> cov #2": SAME_LENGTH},
    "guidance.quality_diversity": {
        "adds 1 to log_probs in place": "the most probable class stays the most probable",
        "adds 1 to x in place": "only differences of samples count",
    },
}
