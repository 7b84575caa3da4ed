"""Answers by lesson, for the demo's class: one module per lesson."""

from grader.demo.answers import decomposing_the_elbo, forward_process, score_matching
from grader.demo.answers.kinds import Answers

ANSWERS: dict[str, Answers] = {
    "02_forward_process": forward_process.ANSWERS,
    "04_decomposing_the_elbo": decomposing_the_elbo.ANSWERS,
    "06_score_matching": score_matching.ANSWERS,
}

__all__ = ["ANSWERS", "Answers"]
