"""What a sandbox replied is told in the same words as an answer of this process."""

import torch

from grader.answer import ask_here
from grader.exercise import Case
from grader.remote import _understood
from grader.sandbox import Answer as Reply


def test_a_gradient_of_a_value_in_another_shape_is_told_as_in_process():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    here = ask_here(lambda x: (x**2).sum(), case)
    there = _understood(Reply("value", value=torch.tensor(3.0), gradients=None), case, 0)
    assert (there.kind, there.text) == (here.kind, here.text) == ("raised", here.text)
    assert "shape ()" in there.text


def test_a_value_without_a_gradient_is_told_as_in_process():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    here = ask_here(lambda x: x.detach() + 1, case)
    there = _understood(Reply("value", value=torch.ones(3), gradients=[None]), case, 0)
    assert there.kind == here.kind == "no-gradient"
