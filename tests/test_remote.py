"""A gradient of another shape is told alike, whether the function was asked here or in a sandbox."""

import torch

from grader.answer import ask_here
from grader.exercise import Case
from grader.remote import asker
from grader.sandbox import Answer as Reply

CASE = Case("gradient", (torch.ones(2, 3),), "clean", "gradient", cotangent=torch.ones(2, 3))


class Sandbox:
    """Asked for a gradient, it replies as the real one does: no list of gradients when the shapes do not fit."""

    def vjp(self, name, args, wrt, cotangent):
        return Reply("value", value=torch.zeros(3, 2), gradients=None)


def test_a_transposed_value_gives_the_same_answer_on_both_sides():
    here = ask_here(lambda x: 2 * x.mT, CASE)
    there = asker(Sandbox(), "transposed")(CASE)
    assert (here.kind, here.text) == (there.kind, there.text)
    assert "(3, 2), expected (2, 3)" in there.text
