"""eps, x0, score and v: exact round trips, the definitions, and the oracle."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import schedule
from diffkit.errors import RangeError, ShapeError
from diffkit.forward import q_sample
from diffkit.oracle import GaussianMixture
from diffkit.parameterize import Name, convert, convert_at, predicting
from tests import properties  # noqa: F401  # no time limit

NAMES: list[Name] = ["eps", "x0", "score", "v"]
SCHEDULES = {
    "linear": schedule.linear(1000),
    "cosine": schedule.cosine(50),
    "short": schedule.linear(3, 0.1, 0.5),
}
names, schedules = st.sampled_from(NAMES), st.sampled_from(sorted(SCHEDULES))
seeds = st.integers(0, 2**31)


def draw(s, seed, shape=(4, 2, 3, 3)):
    """Clean data, noise, times and noisy data, and the four names of the truth."""
    g = torch.Generator().manual_seed(seed)
    x_0, eps = torch.randn(2, *shape, generator=g, dtype=torch.float64)
    t = torch.randint(1, s.T + 1, shape[:1], generator=g)
    alpha, sigma = s.at(s.alpha_bar.sqrt(), t, x_0), s.at(s.noise_var.sqrt(), t, x_0)
    truth = {"eps": eps, "x0": x_0, "score": -eps / sigma, "v": alpha * eps - sigma * x_0}
    return q_sample(s, x_0, t, noise=eps), t, truth


def close(a, b):
    # Relative to the size of the whole tensor: a single entry may be 0.
    return float((a - b).abs().max() / b.abs().max()) < 1e-9


@given(names, names, schedules, seeds)
def test_each_name_of_the_truth_converts_into_each_other(source, target, which, seed):
    s = SCHEDULES[which]
    x_t, t, truth = draw(s, seed)
    assert close(convert(truth[source], source, target, s, x_t, t), truth[target])


@given(names, names, schedules, seeds)
def test_there_and_back_again_changes_nothing(source, target, which, seed):
    s = SCHEDULES[which]
    x_t, t, _ = draw(s, seed)
    value = torch.randn(x_t.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * 3
    there = convert(value, source, target, s, x_t, t)
    assert close(convert(there, target, source, s, x_t, t), value)


@given(names, names, names, seeds)
def test_the_way_round_by_a_third_name_ends_at_the_same_place(a, b, c, seed):
    s = SCHEDULES["linear"]
    x_t, t, truth = draw(s, seed)
    value = truth[a] + 0.1
    by_b = convert(convert(value, a, b, s, x_t, t), b, c, s, x_t, t)
    assert close(by_b, convert(value, a, c, s, x_t, t))


@given(names, names, st.floats(0.01, 3), st.floats(0.01, 3), seeds)
def test_any_noise_level_will_do(source, target, alpha, sigma, seed):
    g = torch.Generator().manual_seed(seed)
    x_0, eps = torch.randn(2, 5, 2, generator=g, dtype=torch.float64)
    truth = {"eps": eps, "x0": x_0, "score": -eps / sigma, "v": alpha * eps - sigma * x_0}
    x = alpha * x_0 + sigma * eps
    assert close(convert_at(truth[source], source, target, x, alpha, sigma), truth[target])
    levels = torch.tensor([alpha, sigma], dtype=torch.float64).unsqueeze(1).expand(2, 5)
    assert close(convert_at(truth[source], source, target, x, *levels), truth[target])


def test_velocity_is_the_derivative_along_the_angle():
    # Salimans & Ho 2022: with alpha = cos(phi) and sigma = sin(phi), v = d x / d phi.
    phi = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    x_0, eps = torch.randn(2, 6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = torch.cos(phi) * x_0 + torch.sin(phi) * eps
    slope = torch.stack([torch.autograd.grad(v, phi, retain_graph=True)[0] for v in x.flatten()]).reshape(x.shape)
    v = convert_at(eps, "eps", "v", x, torch.cos(phi), torch.sin(phi))
    torch.testing.assert_close(v, slope, rtol=1e-12, atol=1e-14)


def test_the_best_predictions_of_the_oracle_convert_into_each_other():
    f64 = torch.float64
    mix = GaussianMixture.isotropic(
        torch.tensor([0.3, 0.7], dtype=f64),
        torch.tensor([[-1.0, 0], [1, 1]], dtype=f64),
        torch.tensor(0.1, dtype=f64),
    )
    s, t = schedule.linear(100), torch.tensor([1, 20, 100])
    x = torch.randn(3, 2, dtype=f64, generator=torch.Generator().manual_seed(1))
    level = s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt()
    truth: dict[Name, torch.Tensor]
    truth = {"eps": mix.eps(x, *level), "x0": mix.denoiser(x, *level), "score": mix.score(x, *level)}
    for source, value in truth.items():
        for target, expected in truth.items():
            assert close(convert(value, source, target, s, x, t), expected)


def test_a_wrapped_predictor_predicts_the_target():
    s = SCHEDULES["short"]
    x_t, t, truth = draw(s, 5)
    f = predicting("eps", lambda x, t: truth["v"], "v", s)
    assert close(f(x_t, t), truth["eps"])


def test_an_unknown_name_is_refused_not_taken_for_another():
    x, s = torch.zeros(2, 3), SCHEDULES["short"]
    for pair in (("x_0", "eps"), ("eps", "velocity")):
        with pytest.raises(RangeError, match="is no parameterization"):
            convert(x, *pair, s, x, 1)


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", NAMES)
def test_at_t_0_a_conversion_is_right_or_refused(source, target):
    s = SCHEDULES["short"]
    x = torch.randn(3, 2)
    impossible = source != target and (source == "x0" or target == "score")
    if impossible:
        with pytest.raises(RangeError, match="t >= 1"):
            convert(x, source, target, s, x, torch.tensor([1, 0, 2]))
    else:
        assert bool(torch.isfinite(convert(x, source, target, s, x, 0)).all())


def test_at_t_0_the_clean_data_are_returned_whatever_was_predicted():
    x = torch.randn(3, 2)
    for source in [name for name in NAMES if name != "x0"]:
        assert torch.equal(convert(torch.randn(3, 2), source, "x0", SCHEDULES["short"], x, 0), x)


def test_without_signal_the_data_cannot_be_told_from_the_noise():
    x = torch.ones(2, 1)
    with pytest.raises(RangeError, match="pure noise"):
        convert_at(x, "eps", "x0", x, 0.0, 1.0)
    assert torch.equal(convert_at(x, "v", "x0", x, 0.0, 1.0), -x)


def test_the_dtype_of_the_data_is_kept_and_gradients_flow():
    s = SCHEDULES["linear"]
    x_t, value = torch.randn(4, 4), torch.randn(4, 4, requires_grad=True)
    for source in NAMES:
        for target in NAMES:
            out = convert(value, source, target, s, x_t, torch.tensor([1, 2, 500, 1000]))
            assert out.dtype == torch.float32
            assert bool(torch.autograd.grad(out.sum(), value)[0].abs().sum() > 0)


def test_bad_input_is_refused():
    s, x = SCHEDULES["short"], torch.randn(3, 2)
    with pytest.raises(RangeError, match="choose one of eps, x0, score, v"):
        convert(x, "epsilon", "x0", s, x, 1)
    with pytest.raises(ShapeError, match=r"asks for \(3, 2\)"):
        convert(x[:, :1], "eps", "x0", s, x, 1)
    with pytest.raises(RangeError, match="float64"):
        convert(x.double(), "eps", "x0", s, x, 1)
    with pytest.raises(RangeError, match=r"t = 0\.\.3"):
        convert(x, "eps", "x0", s, x, 4)
    with pytest.raises(RangeError, match="floating-point"):
        convert(x.long(), "eps", "x0", s, x.long(), 1)
    with pytest.raises(ShapeError, match="one t per example"):
        convert(x, "eps", "x0", s, x, torch.tensor([1, 2]))
