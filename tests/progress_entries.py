"""Entries of progress that tests speak of."""

from grader.exercises import EXERCISES
from grader.learner.kept import Entry

STEP, SNR = EXERCISES["forward.q_step"], EXERCISES["forward.snr"]
WHEN = "2026-01-01T00:00:00+00:00"


def passed(*names, when=WHEN):
    return {name: Entry(EXERCISES[name].points, EXERCISES[name].points, when) for name in names}
