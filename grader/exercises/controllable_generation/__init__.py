"""Lesson 11, controllable generation: its exercises in the order of the lesson, one per module."""

from grader.exercises.controllable_generation import (
    cfg,
    class_log_prob,
    classifier_score,
    drop_labels,
    guided_eps,
    guided_gaussian,
    guided_step,
    in_order,
    inpaint_step,
    marginal_gap,
    posterior_score,
    quality_diversity,
    tilted_density,
)

MODULES = (
    class_log_prob,
    classifier_score,
    guided_eps,
    guided_step,
    cfg,
    in_order,
    drop_labels,
    tilted_density,
    marginal_gap,
    guided_gaussian,
    quality_diversity,
    inpaint_step,
    posterior_score,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
