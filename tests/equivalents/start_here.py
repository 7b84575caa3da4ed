"""Mutants of lesson 00's references that are right."""

EQUIVALENT: dict[str, dict[str, str]] = {
    "start.noise_like": {
        "adds 1 to x in place": "only the shape, the dtype and the device of x are used: a second call gives the same",
    },
    "start.standardize": {
        "adds 1 to x in place": "the mean is subtracted, so a shift of x changes no answer",
    },
}
