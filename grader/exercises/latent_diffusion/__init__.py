"""Lesson 12, latent diffusion and other corruptions: its exercises in the order of the lesson, one per module."""

from grader.exercises.latent_diffusion import (
    best_path,
    cold_step,
    decode_sample,
    encoder_entropy,
    exact_terms,
    in_order,
    joint_bound,
    latent_scale,
    monotone_log_snr,
    path_moments,
    rounding_term,
    sampling_cost,
    token_posterior,
    vae_terms,
    vdm_weights,
)

MODULES = (
    encoder_entropy,
    vae_terms,
    exact_terms,
    latent_scale,
    joint_bound,
    in_order,
    decode_sample,
    sampling_cost,
    token_posterior,
    rounding_term,
    vdm_weights,
    path_moments,
    monotone_log_snr,
    best_path,
    cold_step,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
