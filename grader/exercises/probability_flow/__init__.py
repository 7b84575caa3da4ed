"""Lesson 09, probability flow and exact likelihood: its exercises in the order of the lesson, one per module."""

from grader.exercises.probability_flow import (
    bits_per_dim,
    divergence,
    encode_decode,
    euler_path,
    family_step,
    heun_step,
    hutchinson,
    in_order,
    log_likelihood,
    measured_order,
    probe_variance,
    rk4_step,
    slerp,
    velocity,
)

MODULES = (
    velocity,
    family_step,
    euler_path,
    heun_step,
    rk4_step,
    measured_order,
    in_order,
    divergence,
    hutchinson,
    probe_variance,
    log_likelihood,
    bits_per_dim,
    encode_decode,
    slerp,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule", "sde")  # the rest of diffkit is not there
