"""Lesson 00, start here: its warm-up exercises in the order of the lesson, one per module."""

from grader.exercises.start_here import mean_square, noise_like, rescale, scale_each, standardize

MODULES = (rescale, noise_like, scale_each, standardize, mean_square)
EXERCISES = tuple(m.EXERCISE for m in MODULES)
MAY_IMPORT = ("data", "errors", "gaussian", "idx", "oracle", "schedule")  # the rest of diffkit is not there
