"""Cold diffusion, clipping and inpainting."""

import pytest
import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError
from diffkit.samplers import ancestral, clip_x_0, cold, inpaint, last
from diffkit.samplers.step import Model
from diffkit.schedule import Schedule, cosine, linear
from diffkit.sde import VP
from tests.sampler_checks import assert_moments, eps_model, generator, mixture, randn, wavy_eps


def test_cold_sampling_of_a_linear_corruption_is_exact_for_any_network():
    """D(x, t) = x + t e: the error of R cancels, the paper's argument for algorithm 2.  Naive fails."""
    x_0, e, T = randn(5, 3, seed=1), randn(5, 3, seed=2), 20

    def degrade(x: Tensor, t: int) -> Tensor:
        return x + t / T * e

    def restore(x: Tensor, t: int) -> Tensor:
        return torch.sin(5 * x) + t

    steps = list(cold(restore, degrade, degrade(x_0, T), T))
    for step in steps:
        torch.testing.assert_close(step.x, degrade(x_0, int(step.t)), rtol=1e-9, atol=1e-9)
    assert [step.t for step in steps] == list(range(T, -1, -1))
    assert float((last(cold(restore, degrade, degrade(x_0, T), T, naive=True)) - x_0).abs().max()) > 0.5


@pytest.mark.parametrize("naive", [False, True])
def test_cold_sampling_with_a_perfect_network_returns_the_data(naive: bool):
    """The corruption is a blur on a ring; its exact inverse is the network."""
    freq = torch.fft.fftfreq(8, dtype=torch.float64)

    def blur(x: Tensor, t: int, sign: int = -1) -> Tensor:
        return torch.fft.ifft(torch.fft.fft(x) * torch.exp(sign * 0.3 * t * freq**2)).real

    x_0 = randn(4, 8)
    x = last(cold(lambda x, t: blur(x, t, 1), blur, blur(x_0, 10), 10, naive=naive))
    torch.testing.assert_close(x, x_0, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("noise", [linear(50), VP()], ids=["schedule", "sde"])
def test_clipping_bounds_the_predicted_data_and_changes_nothing_inside(noise: Schedule | VP):
    x = randn(40, 2)
    t = torch.full((40,), 20) if isinstance(noise, Schedule) else 0.4
    raw = eps_model(mixture(), noise)
    if isinstance(noise, Schedule):
        alpha, sigma = noise.alpha_bar[20].sqrt(), noise.noise_var[20].sqrt()
    else:
        alpha, sigma = noise.marginal(0.4)
    x_0 = (x - sigma * raw(x, t)) / alpha
    clipped = (x - sigma * clip_x_0(raw, noise, -0.5, 0.7)(x, t)) / alpha
    torch.testing.assert_close(clipped, x_0.clamp(-0.5, 0.7), rtol=1e-9, atol=1e-9)
    assert bool((x_0 > 0.7).any() and (x_0 < -0.5).any())
    torch.testing.assert_close(clip_x_0(raw, noise, -50, 50)(x, t), raw(x, t), rtol=1e-9, atol=1e-9)


def test_a_clipped_sampler_ends_in_range():
    s = cosine(30)
    x = last(ancestral(clip_x_0(wavy_eps, s, -1, 1), s, randn(100, 2), generator=generator(1)))
    assert float(x.abs().max()) <= 1 + 1e-9


@pytest.mark.parametrize(("low", "high"), [(1, -1), (0, 0), (float("nan"), 1), (-1, float("inf"))])
def test_an_empty_or_endless_range_is_refused(low: float, high: float):
    with pytest.raises(RangeError, match="range"):
        clip_x_0(wavy_eps, linear(5), low, high)


COV = torch.tensor([[1.0, 0.7], [0.7, 1.0]], dtype=torch.float64)  # the Gaussian data, N(0, COV)


def linear_eps(s: Schedule) -> Model:
    """The exact predictor of N(0, COV): eps = sigma (alpha_bar COV + (1 - alpha_bar) I)^-1 x."""
    eye = torch.eye(2, dtype=torch.float64)

    def eps(x: Tensor, t: Tensor) -> Tensor:
        marginal = s.alpha_bar[t[0]] * COV + s.noise_var[t[0]] * eye
        return s.noise_var[t[0]].sqrt() * torch.linalg.solve(marginal, x.T).T

    return eps


def replacement_recursion(s: Schedule, known: float, n_resample: int) -> tuple[Tensor, Tensor]:
    """Mean and covariance of inpainting by replacement on N(0, COV), second coordinate known, in 2 x 2
    matrices.
    """
    eye, eps = torch.eye(2, dtype=torch.float64), linear_eps(s)
    mean, cov = torch.zeros(2, dtype=torch.float64), eye.clone()
    keep = torch.diag(torch.tensor([1.0, 0.0], dtype=torch.float64))
    for t in range(s.T, 0, -1):
        weight = eps(eye, torch.full((2,), t)).T
        A = (eye - s.beta[t] / s.noise_var[t].sqrt() * weight) / s.alpha[t].sqrt()
        for repeat in range(n_resample):
            noise = s.beta[t] if t > 1 else 0.0
            mean = keep @ A @ mean + (eye - keep) @ (s.alpha_bar[t - 1].sqrt() * known * torch.ones(2).double())
            cov = keep @ (A @ cov @ A.T + noise * eye) @ keep + (eye - keep) * s.noise_var[t - 1]
            if repeat + 1 < n_resample:
                mean, cov = s.alpha[t].sqrt() * mean, s.alpha[t] * cov + s.beta[t] * eye
    return mean, cov


@pytest.mark.parametrize("n_resample", [1, 4])
def test_inpainting_by_replacement_has_the_moments_of_its_recursion(n_resample: int):
    """CLT, error rate below 1e-9."""
    s, known = linear(60, 1e-3, 0.3), 1.2
    mean, cov = replacement_recursion(s, known, n_resample)
    mask = torch.tensor([False, True])
    x = last(
        inpaint(
            linear_eps(s),
            s,
            randn(40_000, 2),
            torch.full((40_000, 2), known, dtype=torch.float64),
            mask,
            n_resample=n_resample,
            generator=generator(2),
        )
    )
    assert bool((x[:, 1] == known).all())
    assert_moments(x[:, :1], mean[:1], cov[:1, :1])


def test_replacement_is_biased_and_resampling_brings_it_nearer_to_the_posterior():
    """The posterior mean of the first coordinate is 0.7 * 1.2."""
    s, truth = linear(60, 1e-3, 0.3), 0.7 * 1.2
    gaps = [abs(float(replacement_recursion(s, 1.2, n)[0][0]) - truth) for n in (1, 4, 16)]
    assert gaps[0] > 0.05
    assert gaps[2] < gaps[1] < gaps[0]


def test_inpainting_shows_every_level_once_however_often_it_resamples():
    s, x = linear(5), randn(2, 3)
    steps = list(inpaint(wavy_eps, s, x, x, torch.tensor([True, False, True]), n_resample=3, generator=generator(1)))
    assert [step.t for step in steps] == [5, 4, 3, 2, 1, 0]


def test_a_bad_mask_is_refused():
    s, x = linear(5), randn(4, 3)
    with pytest.raises(RangeError, match="bool"):
        inpaint(wavy_eps, s, x, x, torch.ones(3))
    with pytest.raises(ShapeError, match="broadcast"):
        inpaint(wavy_eps, s, x, x, torch.ones(2, dtype=torch.bool))
    with pytest.raises(ShapeError, match="known"):
        inpaint(wavy_eps, s, x, x[:2], torch.ones(3, dtype=torch.bool))
    with pytest.raises(RangeError, match="n_resample"):
        inpaint(wavy_eps, s, x, x, torch.ones(3, dtype=torch.bool), n_resample=0)
