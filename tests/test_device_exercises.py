"""A student who computes on a GPU: right answers from there pass, wrong ones are refused by their names."""

import pytest
import torch

import grader
from grader import compare
from grader.exercises import EXERCISES
from tests import styles
from tests.other_device import DEVICE, OnDevice, other_device
from tests.test_other_styles import SEEDS, each_exercise, refused

STEP = EXERCISES["forward.q_step"]
# Their references make tensors out of nothing, on the CPU, as the arguments of a check lie: only the results move.
MADE_ON_THE_CPU = {
    "graphs.joint_prob": "begins with ones",
    "bound.log_q": "begins with zeros",
    "bound.integrand": "uses bound.log_q",
    "bound.gaussian_reverse": "puts a zero in front",
    "ddpm.timestep_embedding": "makes the frequencies",
    "guidance.posterior_score": "adds the identity",
    "latent.best_path": "makes evenly spaced goals",
    "hunt.scaling_fault": "makes the tensors it tries",
    "hunt.langevin_fault": "makes the tensors it tries",
}


@pytest.fixture(autouse=True)
def device(monkeypatch):
    """The stand-in, whose tensors are a subclass: those of a real GPU are plain."""
    monkeypatch.setattr(compare, "PLAIN", (*compare.PLAIN, OnDevice))
    with other_device() as place:
        yield place


@each_exercise
def test_a_right_answer_computed_on_another_device_passes(e, device):
    style = styles.sent_elsewhere if e.name in MADE_ON_THE_CPU else styles.elsewhere
    assert not refused(e, lambda case, expected: style(e.reference, device), SEEDS[:1])


def test_the_check_accepts_it_and_says_what_to_change(device):
    outcome = grader.check(STEP.name, styles.elsewhere(STEP.reference, device))
    assert outcome.points == STEP.points
    assert f"came back on {DEVICE}" in outcome.said
    assert "`x.device`" in outcome._repr_mimebundle_()["text/markdown"]
    assert "came back" not in grader.check(STEP.name, STEP.reference).said


@pytest.mark.parametrize("wrong", STEP.misconceptions, ids=lambda m: m.name)
def test_a_wrong_answer_from_there_is_refused_by_its_name(wrong, device):
    outcome = grader.check(STEP.name, styles.sent_elsewhere(wrong.wrong, device))
    assert outcome.points < STEP.points
    assert outcome.verdict.misconception is wrong


def test_the_devices_are_told_apart_where_values_are_missing(device):
    right, there = torch.ones(2), torch.ones(2, device=device)
    assert compare.mismatch(there, right) is None
    assert compare.same(there, right)
    assert compare.mismatch(there.to(torch.bool)[0], True) is None
    assert compare.mismatch(2 * there, right).problem == "values"
    assert compare.mismatch(right.to("meta"), right).problem == "device"
    assert compare.mismatch(torch.zeros((), dtype=torch.bool, device="meta"), True).problem == "type"
    assert not compare.same(right.to("meta"), right)
