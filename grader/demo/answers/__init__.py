"""Answers by lesson, for the demo's class: one module per lesson."""

from grader.demo.answers import forward_process, langevin_dynamics, start_here
from grader.demo.answers.kinds import Answers

ANSWERS: dict[str, Answers] = {
    "00_start_here": start_here.ANSWERS,
    "02_forward_process": forward_process.ANSWERS,
    "07_langevin_dynamics": langevin_dynamics.ANSWERS,
}

__all__ = ["ANSWERS", "Answers"]
