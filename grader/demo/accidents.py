"""Submissions that go wrong without ill will."""

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.cheats import keep_two, own_work
from grader.demo.student import Student, answers, both, cell, first


def unfinished(lesson: str, blank: NotebookNode) -> list[Student]:
    """Who has not begun, and who has not gone far.  blank: the released notebook."""
    return [
        Student("blank", lambda notebook: blank, 0.0, diagnosis="not written yet"),
        Student("half_filled", keep_two(lesson, blank), own_work(lesson), diagnosis="not written yet"),
    ]


def accidents(full: float) -> list[Student]:
    """What may happen to a notebook; shown on lesson 02.  full: points of all its test cells."""
    q_sample, q_step = 5.0, 4.0
    return [
        Student("crashes", answers({"forward.q_sample": CRASH}), full - q_sample, diagnosis="ZeroDivisionError"),
        Student(
            "syntax_error",
            answers({"forward.q_sample": "def q_sample(x_0, t:\n    return x_0"}),
            full - q_sample,
        ),
        Student("endless_function", answers({"forward.q_sample": ENDLESS}), full - q_sample, diagnosis="no answer"),
        Student("endless_cell", first("while True:\n    pass"), full, diagnosis="stopped"),
        Student("exits", first("import os\nos._exit(3)"), full, diagnosis="died"),
        Student("prints_50_MB", first('for _ in range(50):\n    print("x" * 1_000_000)'), full),
        Student("deletes_a_test_by_mistake", lambda n: n.cells.remove(cell(n, "forward.q_step")), full),
        Student("duplicates_a_cell", duplicate, full),
        Student("renames_function", answers({"forward.q_step": RENAMED}), full - q_step, diagnosis="not defined"),
        Student("old_work_on_top", both(answers({"forward.snr": OVERWRITTEN}), first("snr = None")), full),
        Student("broken_json", lambda notebook: b'{"cells": [ {"cell_type": "code", ', 0.0, refused=True),
        Student("no_cells", lambda notebook: EMPTY, 0.0, refused=True),
        Student("not_a_notebook", lambda notebook: b"\x89PNG\r\n\x1a\n\x00\xff", 0.0, refused=True),
    ]


def duplicate(notebook: NotebookNode) -> None:
    """Copy and paste a solved exercise with its test, as happens with the keyboard."""
    for name in ("forward.q_step-solution", "forward.q_step"):
        found = cell(notebook, name)
        notebook.cells.insert(notebook.cells.index(found), nbformat.from_dict(found))


CRASH = "def q_sample(x_0, t, alpha_bar, noise):\n    return x_0 * (1 / 0)"
ENDLESS = "def q_sample(x_0, t, alpha_bar, noise):\n    while True:\n        x_0 = x_0 + 0"
RENAMED = """
def my_step(x_prev, t, beta, noise):
    return (1 - beta[t]).sqrt() * x_prev + beta[t].sqrt() * noise
"""
OVERWRITTEN = "def snr(alpha_bar):\n    '''my second try'''\n    return alpha_bar / (1 - alpha_bar)"
EMPTY = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
