"""Questions to a sandbox: every case of every exercise can be sent, and answers mean what they mean in this process."""

import pytest
import torch

from grader.answer import ask_here
from grader.exercise import Case, Served
from grader.exercises import EXERCISES
from grader.remote import _understood, asker
from grader.sandbox import Answer as Reply
from grader.sandbox import Callback, Make
from grader.wire import decode, encode

SEEDS = range(3)


class Wire:
    """An evaluation that only looks whether what it is given could cross."""

    def __init__(self):
        self.held, self.called = [], []

    def hold(self, value):
        encode(value)
        self.held.append(value)
        return value

    def call(self, name, args):
        for a in args:
            encode(list(a.args) if isinstance(a, Make) else None if isinstance(a, Callback) else a)
        self.called.append(args)
        return Reply("value", value=0.0)

    def vjp(self, name, args, *, wrt, cotangent):
        encode(cotangent)
        return self.call(name, args)


@pytest.mark.parametrize("e", EXERCISES.values(), ids=lambda e: e.name)
def test_every_case_can_be_sent(e):
    for seed in SEEDS:
        for case in e.cases(seed):
            asker(Wire(), "f")(case)


def test_a_case_asked_twice_holds_values_and_passes_functions_on():
    """A view too: made anew for the second call, it would hide that the first has changed it."""
    wire, x = Wire(), torch.ones(3, 2)
    asker(wire, "f")(Case("twice", (Served(len), x, x.T), ask="twice"))
    assert len(wire.called) == 2
    assert len(wire.held) == 2
    for args in wire.called:
        assert isinstance(args[0], Callback)
        assert not any(isinstance(a, Make) for a in args)


def test_a_view_crosses_with_its_layout():
    wire, x = Wire(), torch.arange(6.0).reshape(3, 2)
    asker(wire, "f")(Case("once", (x, x.T)))
    plain, view = wire.called[0]
    assert plain is x
    assert isinstance(view, Make)
    assert view.path == "torch:transpose"
    arrived = torch.transpose(*decode(encode(list(view.args))))
    assert torch.equal(arrived, x.T)
    assert arrived.stride() == x.T.stride()


def test_a_gradient_of_a_value_in_another_shape_is_told_as_in_process():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    here = ask_here(lambda x: (x**2).sum(), case)
    there = _understood(Reply("value", value=torch.tensor(3.0), gradients=None), case, 0)
    assert (there.kind, there.text) == (here.kind, here.text) == ("raised", here.text)
    assert "shape ()" in there.text


def test_what_torch_cannot_do_is_no_unwritten_function():
    case = Case("once", (torch.arange(3),))
    here = ask_here(lambda x: x.softmax(0), case)
    message = here.text.partition(": ")[2]
    there = _understood(Reply("raised", type_name="NotImplementedError", message=message), case, 0)
    assert (there.kind, there.text) == (here.kind, here.text) == ("raised", here.text)
    stub = Reply("raised", type_name="NotImplementedError", message="q_step: your turn")
    assert _understood(stub, case, 0).kind == "unwritten"


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
    there = _understood(reply, Case("once", ()), 3)
    assert (there.kind, there.text[: len(text)]) == (kind, text)
    assert there.value is None
    assert there.line == reply.source.strip()


def test_a_value_brings_the_number_of_calls():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    value, slope = torch.tensor([2.0]), torch.tensor([5.0])
    assert _understood(Reply("value", value=value), Case("once", ()), 7).calls == 7
    there = _understood(Reply("value", value=value, gradients=[slope]), case, 7)
    assert (there.kind, there.value, there.calls) == ("value", slope, 7)


def test_only_a_missing_gradient_is_called_one():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    words = "element 0 of tensors does not require grad and does not have a grad_fn"
    assert _understood(Reply("raised", type_name="RuntimeError", message=words), case, 0).kind == "no-gradient"
    assert _understood(Reply("raised", type_name="RuntimeError", message=words), Case("once", ()), 0).kind == "raised"
    assert _understood(Reply("raised", type_name="ValueError", message="no"), case, 0).kind == "raised"


def test_a_value_without_a_gradient_is_told_as_in_process():
    case = Case("gradient", (torch.ones(3),), ask="gradient", cotangent=torch.ones(3))
    here = ask_here(lambda x: x.detach() + 1, case)
    there = _understood(Reply("value", value=torch.ones(3), gradients=[None]), case, 0)
    assert there.kind == here.kind == "no-gradient"
