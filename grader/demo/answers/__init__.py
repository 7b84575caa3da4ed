"""Answers by lesson, for the demo's class: one module per lesson."""

from grader.demo.answers import forward_process, likelihood_to_elbo
from grader.demo.answers.kinds import Answers

ANSWERS: dict[str, Answers] = {
    "02_forward_process": forward_process.ANSWERS,
    "03_likelihood_to_elbo": likelihood_to_elbo.ANSWERS,
}

__all__ = ["ANSWERS", "Answers"]
