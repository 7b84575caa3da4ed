"""Lesson 02, the forward process: its exercises in the order of the lesson, one per module."""

from grader.exercises.forward_process import (
    alpha_bar_table,
    collapse_noise,
    compose,
    cosine_betas,
    enough_steps,
    kl_to_prior,
    linear_betas,
    noisy_mixture,
    q_sample,
    q_sample_loop,
    q_step,
    snr,
)

MODULES = (
    q_step,
    q_sample_loop,
    alpha_bar_table,
    q_sample,
    collapse_noise,
    compose,
    linear_betas,
    cosine_betas,
    snr,
    kl_to_prior,
    enough_steps,
    noisy_mixture,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "forward", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
