"""Mutants of lesson 08's references that are right."""

SAME_KIND = "all these tensors have one shape and one dtype, and nothing else of them is used here"

EQUIVALENT: dict[str, dict[str, str]] = {
    "sde.wiener_path": {
        "adds 1 to times in place": "only differences of times count, so a shift of all times changes no answer",
    },
    "sde.em_step": {"x -> drift #2": SAME_KIND, "x -> noise #2": SAME_KIND},
    "sde.reverse_drift": {"score -> drift #2": SAME_KIND},
    "sde.ddpm_minus_em": {"x -> score #2": SAME_KIND, "x -> score #3": SAME_KIND},
    "sde.pc_sample": {
        "z_pred -> z_corr": "both hold one entry for each step, so their lengths are equal",
        "2 -> 3": "a predictor step with one noise reads two times; a third one is left unread",
    },
}
