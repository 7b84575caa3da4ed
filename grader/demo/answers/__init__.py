"""Answers by lesson, for the demo's class: one module per lesson."""

from grader.demo.answers import ddpm, forward_process
from grader.demo.answers.kinds import Answers

ANSWERS: dict[str, Answers] = {
    "02_forward_process": forward_process.ANSWERS,
    "05_ddpm": ddpm.ANSWERS,
}

__all__ = ["ANSWERS", "Answers"]
