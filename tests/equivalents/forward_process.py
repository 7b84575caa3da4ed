"""Mutants of lesson 02's references that are right."""

NO_AXES = "a tensor without axes takes the other factor's dtype, so the conversion changes nothing"
SAME_KIND = "only its dtype and number of axes are used, and both arguments have the same"
SEARCH = "another growth of the search ends at the same T"

EQUIVALENT: dict[str, dict[str, str]] = {
    "forward.q_step": {
        "(1 - beta[t]).sqrt().to(x_prev) -> (1 - beta[t]).sqrt()": NO_AXES,
        "beta[t].sqrt().to(x_prev) -> beta[t].sqrt()": NO_AXES,
        "x_prev -> beta #2": NO_AXES,
        "x_prev -> noise #2": NO_AXES,
        "x_prev -> beta #3": NO_AXES,
        "x_prev -> noise #3": NO_AXES,
    },
    "forward.q_sample_loop": {
        "(1 - beta[s]).sqrt().to(x) -> (1 - beta[s]).sqrt()": NO_AXES,
        "beta[s].sqrt().to(x) -> beta[s].sqrt()": NO_AXES,
    },
    "forward.q_sample": {"x_0 -> noise #2": SAME_KIND, "x_0 -> noise #3": SAME_KIND},
    "forward.collapse_noise": {
        "(1 - alpha_bar[t]).sqrt().to(noises) -> (1 - alpha_bar[t]).sqrt()": NO_AXES,
        "noises -> beta": NO_AXES,
    },
    "forward.smallest_T": {
        "float(_mean_kl(make_beta, x_0, T)) <= kl_max -> float(_mean_kl(make_beta, x_0, T)) < kl_max": (
            "the bound is a random number, and no divergence is equal to it"
        ),
        "2 -> 3 #2": SEARCH,
    },
}
