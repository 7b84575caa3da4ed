"""Lesson 07, Langevin dynamics: its exercises in the order of the lesson, one per module."""

from grader.exercises.langevin_dynamics import (
    annealed,
    chain_variance,
    crossing_time,
    ladder_step,
    mala_log_ratio,
    mala_step,
    mode_weights,
    sigma_ladder,
    stationary_variance,
    step_sizes,
    to_alpha,
    ula_step,
)

MODULES = (
    ula_step,
    chain_variance,
    stationary_variance,
    to_alpha,
    mode_weights,
    crossing_time,
    sigma_ladder,
    step_sizes,
    annealed,
    ladder_step,
    mala_log_ratio,
    mala_step,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule", "sigmas")  # the rest of diffkit is not there
