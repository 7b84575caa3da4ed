"""Mutants of lesson 09's references that are right."""

ALIKE = "both have one shape and one dtype, and nothing else of it is used there"
WIDER = "cat takes the wider dtype, and float32 zeros are never wider than x"
JUST_SMALL = "no angle is equal to the limit, and near it both formulas agree to nine digits"

EQUIVALENT: dict[str, dict[str, str]] = {
    "flow.velocity": {"x -> score #2": ALIKE, "x -> score #3": ALIKE},
    "flow.bits_per_dim": {"k -> u #2": "k and u have one shape, and only the number of entries is read there"},
    "flow.log_likelihood": {
        "torch.zeros(len(x), 1).to(x) -> torch.zeros(len(x), 1)": WIDER,
    },
    "flow.slerp": {
        "theta < SMALL -> theta <= SMALL": JUST_SMALL,
        "theta < SMALL -> theta <= SMALL #2": JUST_SMALL,
        "1 -> 2 #6": "the lower end of the clamp: opposite codes have no arc between them and are not asked",
        "z_0 -> z_1 #3": ALIKE,
        "z_0 -> z_1 #4": ALIKE,
    },
}
