"""Answers by lesson, for the demo's class: one module per lesson."""

from grader.demo.answers import (
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
from grader.demo.answers.kinds import Answers

ANSWERS: dict[str, Answers] = {
    "00_start_here": start_here.ANSWERS,
    "01_graphical_models": graphical_models.ANSWERS,
    "02_forward_process": forward_process.ANSWERS,
    "03_likelihood_to_elbo": likelihood_to_elbo.ANSWERS,
    "04_decomposing_the_elbo": decomposing_the_elbo.ANSWERS,
    "05_ddpm": ddpm.ANSWERS,
    "06_score_matching": score_matching.ANSWERS,
    "07_langevin_dynamics": langevin_dynamics.ANSWERS,
    "08_stochastic_differential_equations": stochastic_differential_equations.ANSWERS,
    "09_probability_flow": probability_flow.ANSWERS,
    "10_fast_sampling": fast_sampling.ANSWERS,
    "11_controllable_generation": controllable_generation.ANSWERS,
    "12_latent_diffusion": latent_diffusion.ANSWERS,
    "13_bug_hunt": bug_hunt.ANSWERS,
}

__all__ = ["ANSWERS", "Answers"]
