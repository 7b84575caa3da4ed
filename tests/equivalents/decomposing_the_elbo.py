"""Mutants of lesson 04's references that are right."""

NO_AXES = "a tensor without axes takes the other factor's dtype, so the conversion changes nothing"
SAME_SHAPE = "only the number of coordinates is read, and both means have the same shape"
ON_THE_GRID = "pixels lie on the grid, so no value is equal to the middle between two of them"

EQUIVALENT: dict[str, dict[str, str]] = {
    "elbo.kl_isotropic": {"mean_q -> mean_p #2": SAME_SHAPE},
    "elbo.L_T": {"alpha_bar[-1].to(x_0) -> alpha_bar[-1]": NO_AXES, "x_0 -> alpha_bar": NO_AXES},
    "elbo.L_0": {
        "x_0 < -1 + half -> x_0 <= -1 + half": ON_THE_GRID,
        "x_0 > 1 - half -> x_0 >= 1 - half": ON_THE_GRID,
    },
}
