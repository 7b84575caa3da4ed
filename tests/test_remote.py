"""Questions to a sandbox: every case of every exercise can be sent, and answers mean what they mean in this process."""

import pytest
import torch

from grader.answer import ask_here
from grader.exercise import Case, Served
from grader.exercises import EXERCISES
from grader.remote import put, understood
from grader.sandbox import Answer as Reply
from grader.sandbox.question import hold
from grader.wire import decode

SEEDS = range(3)


def as_sent(question):
    """The arguments as they arrive; references as (kind, data)."""
    return decode(question.frame, refs=lambda kind, data: (kind, data))["args"]


@pytest.mark.parametrize("e", EXERCISES.values(), ids=lambda e: e.name)
def test_every_case_can_be_sent(e):
    for seed in SEEDS:
        for case in e.cases(seed):
            for question in put("f", case).questions:
                assert len(as_sent(question)) == len(case.args)
                for held in question.held:
                    hold(held)


def test_a_case_asked_twice_holds_values_and_passes_functions_on():
    """A view too: made anew for the second call, it would hide that the first has changed it."""
    x = torch.ones(3, 2)
    first, second = put("f", Case("twice", (Served(len), x, x.T), ask="twice")).questions
    assert [kind for kind, _ in as_sent(first)] == ["callback", "held", "held"]
    assert as_sent(first) == as_sent(second)
    assert first.held == second.held


def test_a_view_crosses_with_its_layout():
    x = torch.arange(6.0).reshape(3, 2)
    (question,) = put("f", Case("once", (x, x.T))).questions
    plain, (kind, made) = as_sent(question)
    assert torch.equal(plain, x)
    assert (kind, made["path"]) == ("make", "torch:transpose")
    arrived = torch.transpose(*made["args"])
    assert torch.equal(arrived, x.T)
    assert arrived.stride() == x.T.stride()


def test_a_gradient_of_a_value_in_another_shape_is_told_as_in_process():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    here = ask_here(lambda x: (x**2).sum(), case)
    there = understood(Reply("value", value=torch.tensor(3.0), gradients=None), case, 0)
    assert (there.kind, there.text) == (here.kind, here.text) == ("raised", here.text)
    assert "shape ()" in there.text


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_gradient_has_no_more_digits_than_its_value(dtype):
    """Autograd gives it the argument's float64 also where the value has 32 bits, and then rounding would refuse it."""
    x = torch.tensor([0.1, 0.7], dtype=torch.float64)
    case = Case("gradient", (x,), ask="gradient", cotangent=torch.ones(2, dtype=torch.float64))
    here = ask_here(lambda x: x.to(dtype) ** 2, case)
    there = understood(Reply("value", value=(x**2).to(dtype), gradients=[2 * x]), case, 0)
    assert here.value.dtype == there.value.dtype == dtype


@pytest.mark.parametrize("value", [None, "text", torch.tensor(1), [torch.ones(2)]])
def test_a_gradient_is_taken_as_it_came_if_the_value_is_none(value):
    case = Case("gradient", (torch.ones(2),), ask="gradient", cotangent=torch.ones(2))
    assert understood(Reply("value", value=value, gradients=["no tensor"]), case, 0).value == "no tensor"


def test_what_torch_cannot_do_is_no_unwritten_function():
    case = Case("once", (torch.arange(3),))
    here = ask_here(lambda x: x.softmax(0), case)
    message = here.text.partition(": ")[2]
    there = understood(Reply("raised", type_name="NotImplementedError", message=message), case, 0)
    assert (there.kind, there.text) == (here.kind, here.text) == ("raised", here.text)
    stub = Reply("raised", type_name="NotImplementedError", message="q_step: your turn")
    assert understood(stub, case, 0).kind == "unwritten"


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        (Reply("undefined"), "undefined", ""),
        (Reply("timeout"), "timeout", ""),
        (Reply("died", message="killed: too much memory"), "died", "killed: too much memory"),
        (Reply("too-many-calls"), "raised", "TooManyCalls: "),
        (Reply("unreadable", type_name="set"), "unreadable", "set"),
        (Reply("malformed", message="a gradient that is no tensor"), "unreadable", "bytes that are no answer"),
        (Reply("raised", type_name="ValueError", message="no", source="  x = f()\n"), "raised", "ValueError: no"),
        (Reply("raised", type_name="ValueError"), "raised", "ValueError"),
    ],
)
def test_each_way_to_give_no_value_keeps_its_name(reply, kind, text):
    there = understood(reply, Case("once", ()), 3)
    assert (there.kind, there.text[: len(text)]) == (kind, text)
    assert there.value is None
    assert there.line == reply.source.strip()


def test_a_value_brings_the_number_of_calls():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    value, slope = torch.tensor([2.0]), torch.tensor([5.0])
    assert understood(Reply("value", value=value), Case("once", ()), 7).calls == 7
    there = understood(Reply("value", value=value, gradients=[slope]), case, 7)
    assert (there.kind, there.value, there.calls) == ("value", slope, 7)


def test_only_a_missing_gradient_is_called_one():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    words = "element 0 of tensors does not require grad and does not have a grad_fn"
    assert understood(Reply("raised", type_name="RuntimeError", message=words), case, 0).kind == "no-gradient"
    assert understood(Reply("raised", type_name="RuntimeError", message=words), Case("once", ()), 0).kind == "raised"
    assert understood(Reply("raised", type_name="ValueError", message="no"), case, 0).kind == "raised"


def test_a_value_without_a_gradient_is_told_as_in_process():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    here = ask_here(lambda x: x.detach() + 1, case)
    there = understood(Reply("value", value=torch.ones(3), gradients=[None]), case, 0)
    assert there.kind == here.kind == "no-gradient"
