"""Lesson 10, fast sampling: its exercises in the order of the lesson, one per module."""

from grader.exercises.fast_sampling import (
    ddim_sigma,
    ddim_step,
    dpm_step,
    eta_of,
    euler_flow,
    heun_step,
    in_order,
    invert_step,
    karras_levels,
    keep,
    multistep,
    network_calls,
    order,
    subsequence,
)

MODULES = (
    keep,
    ddim_sigma,
    eta_of,
    ddim_step,
    subsequence,
    euler_flow,
    invert_step,
    order,
    heun_step,
    in_order,
    dpm_step,
    multistep,
    karras_levels,
    network_calls,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule", "sigmas")  # the rest of diffkit is not there
