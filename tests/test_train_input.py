"""Training that cannot work says why."""

import copy
import math

import pytest
import torch
from torch import nn

from diffkit import train
from diffkit.errors import DataError, DiffkitError, RangeError, ShapeError
from tests.training_runs import POINTS, S, everything, fresh, moons, run

WRONG = [
    (lambda: fresh(ema_decay=1.0), "ema_decay"),
    (lambda: fresh(ema_every=0), "ema_every"),
    (lambda: fresh(lr=-1.0), "lr = -1"),
    (lambda: train.start(nn.Flatten()), "no parameters"),
    (lambda: train.train(fresh(), moons(), steps=-1), "done already"),
    (lambda: train.train(fresh(), moons(), clip_norm=0.0), "clip_norm"),
    (lambda: run(fresh(), 1, lambda net, g: POINTS[0, 0]), "does not depend"),
    (lambda: run(fresh(), 1, lambda net, g: net(POINTS, torch.ones(200))), "one number per example"),
    (lambda: run(fresh(), 1, lambda net, g: 3.0), "float"),
    (lambda: train.prediction(S, POINTS, 8, target="other"), "choose"),  # type: ignore[arg-type]
    (lambda: train.prediction(S, POINTS, 0), "at least 1"),
    (lambda: train.prediction(S, POINTS, 8, y=torch.zeros(3)), "one row per example"),
    (lambda: train.classification(POINTS, torch.zeros(3).long(), 8), "3 labels"),
    (lambda: run(fresh(), 1, train.prediction(S, POINTS.double(), 8)), "float64"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_wrong_input_is_named(call, words):
    with pytest.raises((RangeError, ShapeError), match=words):
        call()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(RangeError, match="no CUDA"):
        fresh(device="cuda")


def test_a_loss_that_is_not_finite_stops_before_the_update():
    state = fresh()
    before = copy.deepcopy(everything(state))
    with pytest.raises(RangeError, match="step 1: lower lr"):
        run(state, 1, lambda net, g: math.inf * net(POINTS, torch.ones(200)).square().sum(1) + math.nan)
    assert all(torch.equal(before[k], v) for k, v in everything(state).items())


def test_errors_of_training_are_errors_of_ours():
    assert issubclass(DataError, DiffkitError)
