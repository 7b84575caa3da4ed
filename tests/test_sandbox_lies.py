"""Whatever a submission says about itself, the grader gets plain values or is told that there is none."""

import math
import time

import pytest
import torch

from grader.sandbox import Callback
from tests.sandbox_helpers import TIGHT, WIRE, needs_bubblewrap, run_all, shown

pytest_plugins = ["tests.sandbox_fixtures"]
pytestmark = needs_bubblewrap


@pytest.fixture
def kernel(sandbox):
    with sandbox.kernel(limits=TIGHT) as running:
        run_all(running, WIRE)
        yield running


# ---------------------------------------------------------------- values


LIARS = """
class Anything:
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
    __class__ = torch.Tensor
class Subclass(torch.Tensor):
    def __eq__(self, other): return True
    def detach(self): return torch.ones(2)
class Number(float):
    def __eq__(self, other): return True
def anything(): return Anything()
def subclass(): return torch.zeros(2).as_subclass(Subclass)
def number(): return Number(3)
def generator(): return (i for i in range(3))
def inside(): return [1, {"a": (Anything(),)}]
def itself():
    a = []; a.append(a); return a
def giant(): return torch.zeros(1).expand(2 ** 40)
def lazy(): return torch.zeros(2, device="meta")
def module(): return torch
def exception(): return ValueError("right")
"""


@pytest.mark.parametrize(
    "name",
    ["anything", "subclass", "number", "generator", "inside", "itself", "giant", "lazy", "module", "exception"],
)
def test_an_object_that_could_lie_is_no_value(kernel, name):
    run_all(kernel, LIARS)
    with kernel.evaluation() as evaluation:
        assert evaluation.call(name).kind == "unreadable"


def test_nan_stays_nan_and_a_flag_stays_a_flag(kernel):
    run_all(kernel, "def nan(): return float('nan'), torch.tensor([float('nan')])\ndef flag(): return True")
    with kernel.evaluation() as evaluation:
        number, tensor = evaluation.call("nan").value
        assert math.isnan(number)
        assert bool(tensor.isnan().all())
        assert evaluation.call("flag").value is True


def test_a_tensor_that_changes_later_has_been_copied(kernel):
    run_all(kernel, "out = torch.zeros(2)\ndef aliased(x):\n    out.add_(x)\n    return out")
    with kernel.evaluation() as evaluation:
        first = evaluation.call("aliased", [1.0]).value
        second = evaluation.call("aliased", [1.0]).value
    assert torch.equal(first, torch.ones(2))
    assert torch.equal(second, torch.full((2,), 2.0))


def test_patching_torch_inside_changes_nothing_outside(kernel):
    patch = "torch.allclose = torch.equal = torch.Tensor.equal = lambda *a, **k: True\ndef f(): return torch.zeros(2)"
    run_all(kernel, patch)
    with kernel.evaluation() as evaluation:
        value = evaluation.call("f").value
    assert not torch.equal(value, torch.ones(2))


def test_texts_about_an_error_are_only_text(kernel):
    source = """
class Sly(Exception):
    def __str__(self): raise ValueError("second")
class Loud(Exception):
    def __str__(self): return "x" * 10 ** 6 + "\\x1b]0;title\\x07"
def sly(): raise Sly
def loud(): raise Loud
def named(): raise type("A" * 10 ** 5, (Exception,), {})("\\x00\\x9b")
"""
    run_all(kernel, source)
    with kernel.evaluation() as evaluation:
        assert "could not be read" in evaluation.call("sly").message
        loud, named = evaluation.call("loud"), evaluation.call("named")
    assert (loud.kind, len(loud.message)) == ("raised", 2000)
    assert (named.kind, len(named.type_name), named.message) == ("raised", 200, "")


# ---------------------------------------------------------------- the wire


FORGERIES = {
    "text": 'forge(b"full marks, please")',
    "a long length": 'forge(b"\\xff\\xff\\xff\\xff")',
    "many bytes": 'forge(bytes(10 ** 5))',
    "a pickle": 'import pickle; forge(struct.pack(">I", 50) + pickle.dumps(os).ljust(50))'.replace("(os)", "(print)"),
    "the reply to another cell": 'forge(frame({"number": 10 ** 6, "status": "ok", "outputs": []}))',
    "no dict": 'forge(frame([1, 2, 3]))',
    "a number": 'forge(frame(1))',
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_no_reply_costs_the_cell_and_the_next_one_runs(kernel, name):
    assert kernel.run(FORGERIES[name]).status == "died"
    assert shown(kernel.run("kept")) == "5"


def test_half_a_frame_cannot_hold_the_grader_up(kernel):
    assert kernel.run('forge(b"\\x00\\x00\\x00\\x50abc"); time.sleep(1000)').status == "stopped"
    assert shown(kernel.run("kept")) == "5"


def test_a_forged_reply_brings_only_harmless_outputs(kernel):
    source = """
for number in range(10):
    forge(frame({"number": number, "status": ["ok"], "outputs": [
        {"output_type": "display_data", "data": {"text/html": "<script>", "text/plain": "a"}, "metadata": {"x": 1}},
        {"output_type": "display_data", "data": {"image/png": "<script>"}},
        {"output_type": "stream", "name": "<script>", "text": "b"},
        {"output_type": "error", "ename": 1, "evalue": "", "traceback": []},
        {"output_type": "update_display_data", "data": {"text/plain": "c"}}, 7]}))
"""
    result = kernel.run(source)
    assert result.status in ("died", "error")
    if result.status == "error":
        assert result.outputs == [{"output_type": "display_data", "data": {"text/plain": "a"}, "metadata": {}}]
    assert shown(kernel.run("kept")) == "5"


def test_a_forgery_between_two_cells_does_not_cost_the_second(kernel):
    run_all(kernel, "import threading\nthreading.Timer(0.2, lambda: forge(b'late')).start()")
    time.sleep(0.5)
    assert shown(kernel.run("kept")) == "5"


@pytest.mark.parametrize(
    "reply",
    [
        '{"kind": "full marks"}',
        '{"kind": "value", "value": 3, "number": -1}',
        '{"kind": "value", "value": 3, "number": None}',
        '{"kind": ["value"]}',
        '{}',
        '[]',
        'None',
        '{"kind": "callback", "number": 0, "args": (), "kwargs": {}}',
        '{"kind": "callback", "number": "0"}',
    ],
)  # fmt: skip
def test_a_forged_answer_is_malformed_and_the_next_question_counts(kernel, reply):
    run_all(kernel, f"def bad():\n    forge(frame({reply})); time.sleep(1000)\ndef good(): return 3")
    with kernel.evaluation() as evaluation:
        assert evaluation.call("bad").kind == "malformed"
        assert evaluation.call("good").value == 3


@pytest.mark.parametrize("gradients", ["[1]", "[]", "[torch.ones(1), None]", "'x'", "{}"])
def test_forged_gradients_must_be_as_many_tensors_as_asked(kernel, gradients):
    run_all(
        kernel,
        f"gradients = {gradients}",
        "def bad(x):\n    forge(frame({'kind': 'value', 'value': 1, 'gradients': gradients})); time.sleep(1000)",
    )
    with kernel.evaluation() as evaluation:
        assert evaluation.vjp("bad", [torch.ones(1)]).kind == "malformed"


def test_a_forged_call_back_is_refused(kernel):
    source = """
def bad(f):
    forge(frame({"kind": "callback", "number": 5, "args": (), "kwargs": {}})); time.sleep(1000)
"""
    run_all(kernel, source)
    callback = Callback(lambda: 1)
    with kernel.evaluation() as evaluation:
        assert evaluation.call("bad", [callback]).kind == "malformed"
    assert callback.calls == 0


def test_a_kernel_that_rewrites_its_own_protocol_gains_only_answers(kernel):
    source = """
questions = sys.modules["cage.sandbox.inside.questions"].Questions
questions._call = lambda self, q: {"kind": "value", "value": q["args"]}
questions._vjp = lambda self, q: {"kind": "raised", "message": 5, "type_name": 7, "line": "1", "source": None}
"""
    run_all(kernel, source)
    with kernel.evaluation() as evaluation:
        said = evaluation.vjp("anything", [])
        assert (said.kind, said.message, said.type_name, said.line, said.source) == ("raised", "", "", None, "")
        assert evaluation.call("anything", [3]).value == [3]
