"""Lesson 01, graphical models: its exercises in the order of the lesson, one per module."""

from grader.exercises.graphical_models import (
    affine,
    b_given_a,
    condition,
    conditional,
    d_separated,
    droppable,
    explaining_away,
    fork_joint,
    fuse,
    is_independent,
    is_independent_given_c,
    joint_prob,
    kl,
    marginal,
    mutual_information,
    predict_b,
    state_distribution,
)

MODULES = (
    joint_prob,
    marginal,
    conditional,
    is_independent,
    is_independent_given_c,
    fork_joint,
    b_given_a,
    predict_b,
    explaining_away,
    mutual_information,
    d_separated,
    droppable,
    state_distribution,
    affine,
    fuse,
    condition,
    kl,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("errors", "gaussian")  # the rest of diffkit is not there; of graphs, nothing is
