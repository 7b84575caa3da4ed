"""Lesson 05, DDPM: its exercises in the order of the lesson, one per module."""

from grader.exercises.ddpm import (
    ancestral_step,
    best_eps,
    convert,
    draw_steps,
    mean_from_eps,
    sample,
    sigma_gap,
    simple_loss,
    timestep_embedding,
    train_step,
    variance_left,
    vlb_weight,
)

MODULES = (
    mean_from_eps,
    convert,
    vlb_weight,
    simple_loss,
    best_eps,
    draw_steps,
    train_step,
    timestep_embedding,
    ancestral_step,
    sample,
    variance_left,
    sigma_gap,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "forward", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
