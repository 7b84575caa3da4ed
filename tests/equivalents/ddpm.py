"""Mutants of lesson 05's references that are right."""

NO_AXES = "a tensor without axes takes the other factor's dtype, so the conversion changes nothing"
SAME_KIND = "only its dtype and number of axes are used, and both arguments have the same"
SAME_TABLE = "only its shape and dtype are used, and both tables have the same"
SAME_LENGTH = "only its length is used, and both arguments have the same"
OTHERS = ("eps", "noise", "beta", "sigma2")
ALL_DOUBLE = "every tensor of this exercise is float64, so the conversion changes nothing"

EQUIVALENT: dict[str, dict[str, str]] = {
    "ddpm.mean_from_eps": {"x_t -> eps #2": SAME_KIND, "x_t -> eps #3": SAME_KIND},
    "ddpm.convert": {"x_t -> value": SAME_KIND, "x_t -> value #2": SAME_KIND},
    "ddpm.vlb_weight": {"beta -> sigma2": SAME_TABLE},
    "ddpm.simple_loss": {"x_0 -> noise": SAME_KIND},
    "ddpm.timestep_embedding": {"t.double() -> t": "times float64 frequencies t becomes float64 by itself"},
    "ddpm.ancestral_step": {
        **dict.fromkeys((f"x_t -> {other} #{n}" for n in (2, 3, 4) for other in OTHERS), NO_AXES),
        "(1 - beta[t]).sqrt().to(x_t) -> (1 - beta[t]).sqrt()": NO_AXES,
        "weight.to(x_t) -> weight": NO_AXES,
        "sigma2[t].sqrt().to(x_t) -> sigma2[t].sqrt()": NO_AXES,
    },
    "ddpm.best_eps": {
        "alpha_bar[t].to(x_t) -> alpha_bar[t]": ALL_DOUBLE,
        "x_t -> data": ALL_DOUBLE,
        "x_t -> alpha_bar": ALL_DOUBLE,
        "x_t -> data #4": SAME_KIND,
        "x_t -> data #5": SAME_KIND,
    },
    "ddpm.train_step": {"t -> x_0": SAME_LENGTH, "t -> noise": SAME_LENGTH},
    "ddpm.sample": {"beta -> noises #2": SAME_LENGTH, "beta -> sigma2 #2": SAME_LENGTH},
    "ddpm.sigma_gap": {"beta -> sigma2": SAME_TABLE},
}
