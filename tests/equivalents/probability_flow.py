"""Mutants of lesson 09's references that are right."""

ALIKE = "both have one shape and one dtype, and only these are read there"
JUST_SMALL = "no angle is equal to the limit, and near it both formulas agree to nine digits"

EQUIVALENT: dict[str, dict[str, str]] = {
    "flow.velocity": {"x -> score #2": ALIKE, "x -> score #3": ALIKE},
    "flow.bits_per_dim": {"k -> u #2": "k and u have one shape, and only the number of entries is read there"},
    "flow.slerp": {
        "theta < SMALL -> theta <= SMALL": JUST_SMALL,
        "theta < SMALL -> theta <= SMALL #2": JUST_SMALL,
    },
}
