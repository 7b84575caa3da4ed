"""Mutants that give the reference's numbers on every admissible input, with the reason, one module per lesson."""

from tests.equivalents import (
    bug_hunt,
    ddpm,
    decomposing_the_elbo,
    forward_process,
    graphical_models,
    langevin_dynamics,
    likelihood_to_elbo,
    score_matching,
    start_here,
)

EQUIVALENT: dict[str, dict[str, str]] = {
    **ddpm.EQUIVALENT,
    **decomposing_the_elbo.EQUIVALENT,
    **forward_process.EQUIVALENT,
    **graphical_models.EQUIVALENT,
    **langevin_dynamics.EQUIVALENT,
    **likelihood_to_elbo.EQUIVALENT,
    **score_matching.EQUIVALENT,
    **start_here.EQUIVALENT,
    **bug_hunt.EQUIVALENT,
}
