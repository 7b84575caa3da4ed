"""Lesson 03, from likelihood to the bound: its exercises in the order of the lesson, one per module."""

from grader.exercises.likelihood_to_elbo import (
    chain_log_likelihood,
    gap,
    gaussian_reverse,
    importance_weighted,
    in_order,
    integrand,
    log_joint,
    log_q,
    reparameterize,
    reverse_log_density,
    vae_loss,
)

MODULES = (
    log_joint,
    chain_log_likelihood,
    log_q,
    in_order,
    integrand,
    gap,
    importance_weighted,
    reparameterize,
    vae_loss,
    reverse_log_density,
    gaussian_reverse,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
