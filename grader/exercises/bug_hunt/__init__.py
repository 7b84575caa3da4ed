"""Lesson 13, bug hunt: its exercises in the order of the lesson, one per module."""

from grader.exercises.bug_hunt import (
    ddim_fault,
    forward_fault,
    guidance_fault,
    langevin_fault,
    likelihood_fault,
    loop_fault,
    loss_fault,
    mended_ddim,
    mended_loss,
    posterior_fault,
    reverse_fault,
    scaling_fault,
    schedule_fault,
    step_fault,
)

MODULES = (
    schedule_fault,
    forward_fault,
    scaling_fault,
    posterior_fault,
    loss_fault,
    mended_loss,
    step_fault,
    loop_fault,
    ddim_fault,
    mended_ddim,
    langevin_fault,
    reverse_fault,
    guidance_fault,
    likelihood_fault,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
