"""Answers by lesson, for the demo's class: one module per lesson."""

from grader.demo.answers import decomposing_the_elbo, forward_process
from grader.demo.answers.kinds import Answers

ANSWERS: dict[str, Answers] = {
    "02_forward_process": forward_process.ANSWERS,
    "04_decomposing_the_elbo": decomposing_the_elbo.ANSWERS,
}

__all__ = ["ANSWERS", "Answers"]
