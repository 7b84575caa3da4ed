"""Schedules: index 0..T, closed forms, precision, and errors that say what to do."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import schedule
from diffkit.errors import DiffkitError, RangeError, ShapeError
from diffkit.schedule import Schedule, broadcast
from tests import properties  # noqa: F401  no time limit

ALL = [
    schedule.linear(50),
    schedule.cosine(50),
    schedule.sigmoid(50),
    schedule.linear(1),
    schedule.linear(1000),
]


@pytest.mark.parametrize("s", ALL, ids=repr)
def test_tables_have_one_entry_per_step_and_start_clean(s):
    for table in (s.beta, s.alpha, s.alpha_bar, s.noise_var, s.beta_tilde, s.snr):
        assert table.shape == (s.T + 1,)
        assert table.dtype == torch.float64
    assert s.beta[0] == 0
    assert s.alpha_bar[0] == 1
    assert s.noise_var[0] == 0
    assert s.beta_tilde[0] == s.beta_tilde[1] == 0
    assert s.snr[0] == math.inf


@pytest.mark.parametrize("s", ALL, ids=repr)
def test_noise_var_is_one_minus_the_product_of_exact_fractions(s):
    from fractions import Fraction

    product = Fraction(1)
    for t in range(1, min(s.T, 40) + 1):
        product *= 1 - Fraction(float(s.beta[t]))
        assert float(s.noise_var[t]) == pytest.approx(float(1 - product), rel=1e-13)
        assert float(s.alpha_bar[t]) == pytest.approx(float(product), rel=1e-13)


@given(st.integers(1, 400), st.floats(1e-6, 0.1), st.floats(1e-6, 0.9))
def test_linear_runs_from_beta_1_to_beta_t(T, beta_1, beta_T):
    s = schedule.linear(T, beta_1, beta_T)
    assert float(s.beta[1]) == pytest.approx(beta_1)
    if T > 2:
        gaps = s.beta[2:] - s.beta[1:-1]
        assert torch.allclose(gaps, gaps[:1].expand_as(gaps), atol=1e-12)
        assert float(s.beta[T]) == pytest.approx(beta_T)


def test_cosine_follows_its_curve_until_the_clip():
    T, s_0 = 30, 0.008
    f = [math.cos(math.pi / 2 * (t / T + s_0) / (1 + s_0)) ** 2 for t in range(T)]
    want = torch.tensor([v / f[0] for v in f], dtype=torch.float64)
    assert torch.allclose(schedule.cosine(T, s_0).alpha_bar[:T], want, rtol=1e-12)
    assert float(schedule.cosine(T, s_0).beta[T]) == 0.999


@given(st.lists(st.floats(-12, 12), min_size=1, max_size=30, unique=True))
def test_log_snr_comes_back(values):
    log_snr = torch.tensor(sorted(values, reverse=True), dtype=torch.float64)
    try:
        s = schedule.from_log_snr(log_snr)
    except RangeError:  # two values so close that alpha_bar does not fall
        gaps = torch.sigmoid(log_snr)[:-1] - torch.sigmoid(log_snr)[1:]
        assert (gaps < 1e-12).any()
        return
    assert torch.allclose(torch.log(s.snr[1:]), log_snr, atol=1e-6)


def test_at_gives_one_coefficient_per_example_in_the_dtype_of_x():
    s, x = schedule.linear(10), torch.zeros(3, 3, 4, 3)
    got = s.at(s.beta, torch.tensor([1, 5, 10]), x)
    assert got.shape == (3, 1, 1, 1)
    assert got.dtype == torch.float32
    assert torch.equal(got.flatten(), s.beta[[1, 5, 10]].float())
    assert s.at(s.beta, 4, x).shape == ()
    assert s.at(s.beta, torch.tensor([], dtype=torch.int64), x[:0]).shape == (0, 1, 1, 1)


@pytest.mark.parametrize("t", [-1, 11, torch.tensor([0, 11]), 1.0, torch.tensor(1.5), torch.tensor(True)])
def test_a_bad_t_is_refused(t):
    s = schedule.linear(10)
    with pytest.raises(RangeError):
        s.at(s.beta, t, torch.zeros(2, 3))


def test_a_t_for_another_batch_is_refused():
    with pytest.raises(ShapeError, match="one t per example"):
        broadcast(torch.zeros(3), torch.zeros(2, 3))


@pytest.mark.parametrize(
    ("beta", "says"),
    [
        (torch.zeros(2, 2), "shape"),
        (torch.zeros(1), "shape"),
        (torch.tensor([0.1, 0.2]), "beta\\[0\\]"),
        (torch.tensor([0.0, -0.1]), "between 0 and 1"),
        (torch.tensor([0.0, 1.0]), "between 0 and 1"),
        (torch.tensor([0.0, math.nan]), "finite"),
        ([0.0, 0.1], "list"),
    ],
)
def test_a_bad_table_is_refused(beta, says):
    with pytest.raises(DiffkitError, match=says):
        Schedule(beta)


def test_an_alpha_bar_that_rises_is_refused():
    with pytest.raises(RangeError, match="must fall"):
        schedule.from_alpha_bar(torch.tensor([1.0, 0.5, 0.6]))
    with pytest.raises(RangeError, match="stay >= 0"):  # the ratio to a negative one would be clipped in silence
        schedule.from_alpha_bar(torch.tensor([1.0, 0.5, -0.1]))
    with pytest.raises(RangeError, match="start at"):
        schedule.from_alpha_bar(torch.tensor([0.9, 0.5]))


@pytest.mark.parametrize("T", [0, -3, 2.5, "10", None, True])
def test_a_bad_number_of_steps_is_refused(T):
    for make in (schedule.linear, schedule.cosine, schedule.sigmoid):
        with pytest.raises(RangeError, match="at least 1"):
            make(T)


@pytest.mark.parametrize(("start", "end", "tau"), [(-3.0, 3.0, 1.0), (0.0, 3.0, 0.5), (-3.0, 1.0, 1.5)])
def test_a_sigmoid_is_that_of_jabri_et_al_algorithm_1(start, end, tau):
    def v(u):
        return 1 / (1 + math.exp(-(u * (end - start) + start) / tau))

    paper = [(v(1) - v(t / 20)) / (v(1) - v(0)) for t in range(20)]  # the last one is 0, and clipped
    assert schedule.sigmoid(20, start, end, tau).alpha_bar[:-1].tolist() == pytest.approx(paper, rel=1e-9)


@pytest.mark.parametrize("wrong", [{"tau": 0.0}, {"tau": -1.0}, {"start": 3.0}, {"end": math.nan}])
def test_a_sigmoid_that_does_not_fall_is_refused(wrong):
    with pytest.raises(RangeError, match="start < end and tau > 0"):
        schedule.sigmoid(10, **wrong)
