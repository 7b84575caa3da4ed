"""Mutants of lesson 13's references that are right."""

ANY_PROBE = "the number with which a linear pipeline is probed is free, as long as the expected answer goes with it"
SAME_QUESTION = "the pipeline is asked with the changed argument too, so the verdict on it stays the same"
ANY_LEVEL = "the check may look at other levels as well: every fault shows at each of them"
FAR_OUT = "any value beyond the end of the range is cut off to the same end"
SPREAD = "a single 1 or 0 is spread over the shape of the other argument"
NO_AXES = "a tensor without axes takes the other factor's dtype, so the conversion changes nothing"

EQUIVALENT: dict[str, dict[str, str]] = {
    "hunt.schedule_fault": {"adds 1 to beta in place": SAME_QUESTION},
    "hunt.forward_fault": dict.fromkeys(("1 -> 2 #2", "2 -> 3", "1 -> 2 #4"), ANY_LEVEL),
    "hunt.scaling_fault": dict.fromkeys(("1.0 -> 2.0", "1.0 -> 2.0 #2"), FAR_OUT),
    "hunt.loss_fault": {
        **dict.fromkeys(("3.0 -> 4.0", "0 -> 1 #2", "one + 2 -> one - 2"), ANY_PROBE),
        "D -> B": "any number of coordinates above 1 will do",
    },
    "hunt.step_fault": {"1.0 -> 2.0 #4": "whatever the noise is, none of it may arrive in the last step"},
    "hunt.loop_fault": dict.fromkeys(("1 -> 2 #5", "1 -> 2 #6", "1 -> 2 #8", "T + 1 -> 1 #2"), SPREAD),
    "hunt.ddim_fault": {"0.0 -> 1.0 #6": "no new noise is given or eta is 0: it is multiplied by 0 either way"},
    "hunt.mended_ddim": {
        "alpha_bar[t].to(x) -> alpha_bar[t]": NO_AXES,
        "alpha_bar[s].to(x) -> alpha_bar[s]": NO_AXES,
        **dict.fromkeys(
            ("x -> eps", "x -> z", "x -> alpha_bar", "x -> eps #2", "x -> z #2", "x -> alpha_bar #2"), NO_AXES
        ),
    },
    "hunt.langevin_fault": {
        "drift > 0 -> drift >= 0": "where the drift is 0, the ratio that follows is infinite and refuses as well",
        "zero + 1 -> 1": SPREAD,
        "0 -> 1 #5": "a score of 1 everywhere moves every entry alike",
        "0 -> 1 #6": "a score of 1 everywhere moves every entry alike",
        **dict.fromkeys(("2.0 -> 3.0", "3.0 -> 4.0", "4.0 -> 5.0"), ANY_PROBE),
    },
    "hunt.likelihood_fault": {
        "total > 1 -> total >= 1": "a total of exactly 1 has been let pass before",
        "adds 1 to scale in place": SAME_QUESTION,
    },
}
