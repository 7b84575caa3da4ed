"""Mutants that give the reference's numbers on every admissible input, with the reason, one module per lesson."""

from tests.equivalents import (
    bug_hunt,
    controllable_generation,
    ddpm,
    decomposing_the_elbo,
    fast_sampling,
    forward_process,
    graphical_models,
    langevin_dynamics,
    latent_diffusion,
    likelihood_to_elbo,
    probability_flow,
    score_matching,
    start_here,
    stochastic_differential_equations,
)

EQUIVALENT: dict[str, dict[str, str]] = {
    **controllable_generation.EQUIVALENT,
    **ddpm.EQUIVALENT,
    **decomposing_the_elbo.EQUIVALENT,
    **fast_sampling.EQUIVALENT,
    **forward_process.EQUIVALENT,
    **graphical_models.EQUIVALENT,
    **langevin_dynamics.EQUIVALENT,
    **latent_diffusion.EQUIVALENT,
    **likelihood_to_elbo.EQUIVALENT,
    **probability_flow.EQUIVALENT,
    **score_matching.EQUIVALENT,
    **start_here.EQUIVALENT,
    **stochastic_differential_equations.EQUIVALENT,
    **bug_hunt.EQUIVALENT,
}
