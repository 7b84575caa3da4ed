"""Answers by lesson, for the demo's class: one module per lesson."""

from grader.demo.answers import forward_process, graphical_models
from grader.demo.answers.kinds import Answers

ANSWERS: dict[str, Answers] = {
    "01_graphical_models": graphical_models.ANSWERS,
    "02_forward_process": forward_process.ANSWERS,
}

__all__ = ["ANSWERS", "Answers"]
