"""Mutants of lesson 10's references that are right."""

ALIKE = "eps and noise have the dtype and the number of axes of x_t, and nothing else of it is used here"
NO_AXES = "a tensor without axes takes the other factor's dtype, so the conversion changes nothing"

EQUIVALENT: dict[str, dict[str, str]] = {
    "fast.eta_of": {"beta -> sigma2": "only shape and dtype are taken from it, and both tables have the same"},
    "fast.ddim_step": {f"x_t -> {other} #{k}": ALIKE for other in ("eps", "noise") for k in range(2, 7)},
    "fast.euler_flow": {"(u[k + 1] - u[k]).to(y) -> u[k + 1] - u[k]": NO_AXES, "y -> u #3": NO_AXES},
}
