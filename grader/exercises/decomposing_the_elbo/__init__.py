"""Lesson 04, the bound taken apart: its exercises in the order of the lesson, one per module."""

from grader.exercises.decomposing_the_elbo import (
    bayes_ratio,
    bits_per_dim,
    bound,
    code_length,
    complete_square,
    data_term,
    find_errors,
    kl_isotropic,
    middle_term,
    posterior_q,
    prior_term,
    telescope,
    weighted_sum,
)

MODULES = (
    bayes_ratio,
    telescope,
    complete_square,
    posterior_q,
    kl_isotropic,
    middle_term,
    prior_term,
    weighted_sum,
    data_term,
    bits_per_dim,
    bound,
    code_length,
    find_errors,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "forward", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
