"""Lesson 06, score matching and denoising autoencoders: its exercises in the order of the lesson, one per module."""

from grader.exercises.score_matching import (
    best_reconstruction,
    bound_weights,
    denoising_floor,
    denoising_loss,
    explicit_loss,
    fit_score,
    gaussian_score,
    implicit_loss,
    mixture_score,
    score_from_eps,
    sliced_loss,
    sum_by_parts,
    tweedie,
    weighted_sum,
)

MODULES = (
    gaussian_score,
    mixture_score,
    explicit_loss,
    sum_by_parts,
    implicit_loss,
    fit_score,
    sliced_loss,
    denoising_loss,
    denoising_floor,
    tweedie,
    score_from_eps,
    best_reconstruction,
    weighted_sum,
    bound_weights,
)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
