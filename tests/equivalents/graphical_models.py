"""Mutants of lesson 01's references that are right."""

EQUIVALENT: dict[str, dict[str, str]] = {
    "graphs.joint_prob": {"0 -> 1": "all tables have one dtype, so it does not matter from which one it is taken"},
    "graphs.explaining_away": {"adds 1 to p_b in place": "p(b) cancels, so no right answer needs it"},
    "graphs.mutual_information": {
        "1 -> 2 #2": "where the joint is 0 the logarithm is multiplied by 0, whatever stands under it",
        "1 -> 2 #3": "where the joint is 0 the logarithm is multiplied by 0, whatever stands under it",
    },
    "graphs.condition": {"mean -> cov #2": "only its length is used, and both have as many rows as coordinates"},
}
