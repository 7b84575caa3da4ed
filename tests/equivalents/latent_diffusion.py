"""Mutants of lesson 12's references that are right."""

CONSTANT = "a constant added to all the logarithms changes no difference of two of them, and only differences enter"
SAME_KIND = "only its dtype and device are used, and all tensors of this exercise have the same"
SAME_LENGTH = "only its length is used, and both arguments have the same"

EQUIVALENT: dict[str, dict[str, str]] = {
    "latent.in_order": {"cards -> left": SAME_LENGTH, "cards -> right": SAME_LENGTH},
    "latent.token_posterior": {"adds 1 to log_p in place": CONSTANT},
    "latent.vdm_weights": {"adds 1 to log_snr in place": CONSTANT},
    "latent.monotone_log_snr": {f"u -> {other} #2": SAME_KIND for other in ("slope", "middle", "steepness", "height")},
    "latent.path_moments": {"adds 1 to log_snr in place": CONSTANT, "log_snr -> error": SAME_LENGTH},
}
