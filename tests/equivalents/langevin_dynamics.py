"""Mutants of lesson 07's references that are right."""

NO_AXES = "a tensor without axes takes the other factor's dtype, so the conversion changes nothing"
DRAWN = "u is a random number, and no ratio is equal to it"

EQUIVALENT: dict[str, dict[str, str]] = {
    "langevin.stationary_variance": {
        "eta < 2 * v -> eta <= 2 * v": "at eta = 2v the formula divides by 0 and gives infinity by itself",
    },
    "langevin.mode_weights": {
        "((x.unsqueeze(1) - means) ** 2).sum(2) -> ((x.unsqueeze(1) - means) ** 2).mean(2)": (
            "the mean square distance has its minimum where the sum has it"
        ),
    },
    "langevin.crossing_time": {
        "adds 1 to log_p in place": "a constant added to log_p is a factor of p, which cancels: the caller cannot tell",
        "adds 1 to x in place": "only differences of x count, so a shift of all points changes no answer",
    },
    "langevin.annealed_langevin": {
        "sigmas -> noises #2": "noises has an entry for each level, as sigmas has: their lengths are equal",
        "alpha[i].to(x) -> alpha[i]": NO_AXES,
        "alpha[i].sqrt().to(x) -> alpha[i].sqrt()": NO_AXES,
        "x -> sigmas #4": NO_AXES,
        "x -> noises #4": NO_AXES,
        "x -> sigmas #5": NO_AXES,
        "x -> noises #5": NO_AXES,
    },
    "langevin.mala_step": {"torch.log(u) < log_ratio -> torch.log(u) <= log_ratio": DRAWN},
}
