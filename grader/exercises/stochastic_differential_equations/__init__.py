"""Lesson 08, stochastic differential equations: its exercises in the order of the lesson, one per module."""

from grader.exercises.stochastic_differential_equations import (
    coarser_noise,
    corrector_step,
    ddpm_minus_em,
    density_after,
    em_path,
    em_step,
    fp_residual,
    in_order,
    moment_rates,
    pc_sample,
    reverse_drift,
    reverse_sample,
    sub_vp_diffusion,
    ve_coefficients,
    vp_coefficients,
    wiener_path,
)

MODULES = (
    wiener_path,
    em_step,
    em_path,
    vp_coefficients,
    ve_coefficients,
    moment_rates,
    sub_vp_diffusion,
    coarser_noise,
    in_order,
    fp_residual,
    reverse_drift,
    reverse_sample,
    ddpm_minus_em,
    density_after,
    corrector_step,
    pc_sample,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule", "sigmas")  # no `sde`: it holds the answers
