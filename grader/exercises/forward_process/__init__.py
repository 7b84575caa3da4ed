"""Lesson 02, the forward process: its exercises in the order of the lesson."""

from grader.exercises.forward_process.jumps import COLLAPSE, COMPOSE, LOOP, SAMPLE
from grader.exercises.forward_process.limits import KL, MIXTURE, SMALLEST_T, SNR
from grader.exercises.forward_process.steps import ALPHA_BAR, COSINE, LINEAR, STEP

EXERCISES = (STEP, LOOP, ALPHA_BAR, SAMPLE, COLLAPSE, COMPOSE, LINEAR, COSINE, SNR, KL, SMALLEST_T, MIXTURE)
