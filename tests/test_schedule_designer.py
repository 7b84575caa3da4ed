"""The schedule designer: its curves, its number, its words, and what it does with bad settings."""

import math
import re

import numpy as np
import pytest
import torch

from diffkit import data
from diffkit.explorers import schedule_designer
from diffkit.explorers.schedule_designer import verdict
from diffkit.forward import kl_to_prior
from diffkit.schedule import cosine, linear

T = 50


def table(sent):
    """(4, n): t/T, log10 beta, alpha_bar, log10 SNR."""
    return torch.from_numpy(np.frombuffer(sent, "<f8").copy()).reshape(4, -1)


def test_the_designers_number_is_the_mean_kl_of_the_digits():
    designer = schedule_designer()
    designer.T = 200
    exact = kl_to_prior(linear(200), data.digits().images.double()).mean()
    assert designer.kl == pytest.approx(float(exact), rel=1e-12)
    assert designer.caption == "linear, T = 200, beta_1 = 0.0001, beta_T = 0.02"


@pytest.mark.parametrize(("kind", "make"), [("linear", linear), ("cosine", cosine)])
def test_the_designers_curves_are_the_librarys(kind, make):
    designer = schedule_designer(T)
    designer.kind = kind
    time, log_beta, alpha_bar, log_snr = table(designer.curves)
    schedule = make(T)
    torch.testing.assert_close(time * T, torch.arange(T + 1.0).double())
    torch.testing.assert_close(10 ** log_beta[1:], schedule.beta[1:])
    torch.testing.assert_close(alpha_bar, schedule.alpha_bar)
    torch.testing.assert_close(10 ** log_snr[1:], schedule.snr[1:])
    assert bool(torch.isnan(log_beta[0]) & torch.isnan(log_snr[0]))


@pytest.mark.parametrize("steps", [1, 2, 399, 400, 401, 10_000])
def test_any_number_of_steps_gives_a_curve_from_0_to_1(steps):
    designer = schedule_designer(100)
    designer.kind = "cosine"
    designer.T = steps
    time = table(designer.curves)[0]
    assert designer.error == ""
    assert (float(time[0]), float(time[-1])) == (0, 1)
    assert bool((time.diff() > 0).all())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"beta_T": 1.5}, "beta must lie strictly between 0 and 1"),
        ({"beta_1": -0.1}, "beta must lie strictly between 0 and 1"),
        ({"T": 2.5}, "whole number"),
        ({"T": 0}, "at least 1"),
        ({"T": 20_000}, "up to 10000 steps"),
        ({"kind": "sigmoid", "start": 3.0}, "sigmoid needs start < end"),
        ({"kind": "cosine", "s": -1.0}, "alpha_bar must be finite"),
    ],
)
def test_a_bad_setting_says_why_and_leaves_the_last_picture(settings, words):
    designer = schedule_designer()
    for name, value in list(settings.items())[:-1]:
        setattr(designer, name, value)
    shown = designer.curves, designer.kl, designer.verdict, designer.caption
    name, value = list(settings.items())[-1]
    good = getattr(designer, name)
    setattr(designer, name, value)
    assert words in designer.error
    assert (designer.curves, designer.kl, designer.verdict, designer.caption) == shown
    setattr(designer, name, good)
    assert designer.error == ""


def test_a_falling_beta_is_a_schedule_too():
    designer = schedule_designer()
    designer.beta_1 = 0.05
    assert designer.error == ""


def test_one_change_is_answered_by_one_message(monkeypatch):
    designer = schedule_designer()
    messages = []
    monkeypatch.setattr(designer, "send_state", lambda key=None: messages.append(set(key or ())))
    designer.T = 200
    assert [message for message in messages if "curves" in message] == [{"curves", "kl", "verdict", "caption"}]


@pytest.mark.parametrize("distance", [0.01, 0.1, 0.5, 1.0, 2.0])
def test_no_judge_beats_the_verdict(distance):
    # The best judge of N(d, 1) against N(0, 1) is right with probability Phi(d / 2).
    kl = distance**2 / 2
    best = 50 * (1 + math.erf(distance / 2 / math.sqrt(2)))
    claims = re.findall(r"more than ([\d.]+)%", verdict(kl))
    assert len(claims) == (0 if kl >= 1 else 1)
    assert all(float(claim) >= best - 0.05 for claim in claims)  # one decimal is shown


def test_the_verdict_follows_the_number():
    words = [verdict(kl).split(".")[0].split(":")[0] for kl in (0.0, 0.005, 0.05, 0.5, 5.0)]
    first = "Noise, for practical purposes"
    assert words == [first, first, "Nearly noise", "Not yet noise", "Far from noise"]
