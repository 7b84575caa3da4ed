"""Each classic mistake of samplers, planted: some check that the samplers pass must refuse it.

The numbers are those of the list of traps in the course.  A mistake is a wrong copy of a step or of a loop;
it goes through the same check function as diffkit's own, which stands beside it and passes.
"""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from diffkit.errors import ShapeError
from diffkit.forward import kl_to_prior
from diffkit.guidance import classifier_free, combine_scale, combine_w
from diffkit.samplers import ancestral, clip_x_0, ddim, ddim_kernel, last, reverse_sde, time_grid, ula
from diffkit.samplers.path import make_path
from diffkit.samplers.step import Model
from diffkit.schedule import Schedule, cosine, linear
from diffkit.sde import VP
from tests.sampler_checks import (
    ReverseStep,
    assert_moments,
    check_reverse_step,
    eps_model,
    gaussian,
    generator,
    mixture,
    one_step,
    randn,
    score_model,
    wavy_eps,
)

SCHEDULES = [linear(200), cosine(50)]


def noise_like(x: Tensor, g: torch.Generator) -> Tensor:
    return torch.randn(x.shape, dtype=x.dtype, generator=g)


def ancestral_step(
    *,
    root: Callable[[Schedule, int], Tensor] = lambda s, t: s.alpha[t].sqrt(),
    weight: Callable[[Schedule, int], Tensor] = lambda s, t: s.beta[t] / s.noise_var[t].sqrt(),
    size: Callable[[Schedule, int], Tensor | float] = lambda s, t: s.beta[t].sqrt() if t > 1 else 0.0,
    asked: Callable[[int], int] = lambda t: t,
    draw: Callable[[Tensor, torch.Generator], Tensor] = noise_like,
    in_place: bool = False,
) -> ReverseStep:
    """Algorithm 2 of Ho et al. 2020, written out, with places to put a mistake."""

    def step(eps: Model, s: Schedule, x: Tensor, t: int, g: torch.Generator) -> Tensor:
        guess = eps(x, torch.full((len(x),), asked(t)))
        out = x if in_place else x.clone()
        out -= weight(s, t) * guess
        out /= root(s, t)
        return out + size(s, t) * draw(x, g)

    return step


def posterior_step(
    alpha_bar_before: Callable[[Schedule, int], Tensor], before_in_mean: Callable[[Schedule, int], Tensor]
) -> ReverseStep:
    """The same step through x_0_hat and the posterior mean, with sigma^2 = beta_tilde."""

    def step(eps: Model, s: Schedule, x: Tensor, t: int, g: torch.Generator) -> Tensor:
        x_0 = (x - s.noise_var[t].sqrt() * eps(x, torch.full((len(x),), t))) / s.alpha_bar[t].sqrt()
        left = 1 - alpha_bar_before(s, t)
        mean = before_in_mean(s, t).sqrt() * s.beta[t] * x_0 + s.alpha[t].sqrt() * left * x
        return mean / s.noise_var[t] + (left / s.noise_var[t] * s.beta[t]).sqrt() * noise_like(x, g)

    return step


def ours(eps: Model, s: Schedule, x: Tensor, t: int, g: torch.Generator) -> Tensor:
    return one_step(ancestral(eps, s, x, t_start=t, generator=g))


def ours_tilde(eps: Model, s: Schedule, x: Tensor, t: int, g: torch.Generator) -> Tensor:
    return one_step(ancestral(eps, s, x, t_start=t, variance=s.beta_tilde, generator=g))


def previous(s: Schedule, t: int) -> Tensor:
    return s.alpha_bar[t - 1]


WRONG_WITH_BETA = {
    "1 alpha_bar for alpha in 1/sqrt": ancestral_step(root=lambda s, t: s.alpha_bar[t].sqrt()),
    "2 alpha for alpha_bar under the root": ancestral_step(weight=lambda s, t: s.beta[t] / (1 - s.alpha[t]).sqrt()),
    "3 no root of 1 - alpha_bar": ancestral_step(weight=lambda s, t: s.beta[t] / s.noise_var[t]),
    "4 variance for standard deviation": ancestral_step(size=lambda s, t: s.beta[t] if t > 1 else 0.0),
    "5 no noise": ancestral_step(size=lambda s, t: 0.0),
    "6 noise at t = 1": ancestral_step(size=lambda s, t: s.beta[t].sqrt()),
    "7 network asked at t - 1": ancestral_step(asked=lambda t: t - 1),
    "7 network asked at t + 1": ancestral_step(asked=lambda t: t + 1),
    "7 coefficients of t - 1": ancestral_step(weight=lambda s, t: s.beta[t - 1] / s.noise_var[t].sqrt()),
    "9 uniform noise": ancestral_step(draw=lambda x, g: torch.rand(x.shape, dtype=x.dtype, generator=g)),
    "10 sign of eps": ancestral_step(weight=lambda s, t: -s.beta[t] / s.noise_var[t].sqrt()),
    "10 score used as eps": ancestral_step(weight=lambda s, t: s.beta[t]),
    "12 beta_tilde where beta is meant": ours_tilde,
    "21 input changed in place": ancestral_step(in_place=True),
    "25 one draw for the batch": ancestral_step(draw=lambda x, g: noise_like(x[:1], g)),
}
WRONG_WITH_BETA_TILDE = {
    "8 alpha_bar_t in the posterior mean": posterior_step(previous, lambda s, t: s.alpha_bar[t]),
    "11 last alpha_bar is alpha_bar_1": posterior_step(
        lambda s, t: s.alpha_bar[max(t - 1, 1)], lambda s, t: s.alpha_bar[max(t - 1, 1)]
    ),
    "11 cumprod padded on the wrong side": posterior_step(
        lambda s, t: s.alpha_bar[(t + 1) % (s.T + 1)], lambda s, t: s.alpha_bar[(t + 1) % (s.T + 1)]
    ),
    "12 beta where beta_tilde is meant": ours,
}


@pytest.mark.parametrize("s", SCHEDULES, ids=repr)
def test_the_right_steps_pass(s: Schedule):
    check_reverse_step(ours, s, s.beta)
    check_reverse_step(ancestral_step(), s, s.beta)
    check_reverse_step(ours_tilde, s, s.beta_tilde)
    check_reverse_step(posterior_step(previous, previous), s, s.beta_tilde)


@pytest.mark.parametrize("s", SCHEDULES, ids=repr)
@pytest.mark.parametrize("wrong", WRONG_WITH_BETA.values(), ids=WRONG_WITH_BETA.keys())
def test_a_wrong_ancestral_step_is_refused(s: Schedule, wrong: ReverseStep):
    with pytest.raises(AssertionError):
        check_reverse_step(wrong, s, s.beta)


@pytest.mark.parametrize("s", SCHEDULES, ids=repr)
@pytest.mark.parametrize("wrong", WRONG_WITH_BETA_TILDE.values(), ids=WRONG_WITH_BETA_TILDE.keys())
def test_a_wrong_posterior_step_is_refused(s: Schedule, wrong: ReverseStep):
    with pytest.raises(AssertionError):
        check_reverse_step(wrong, s, s.beta_tilde)


def check_prior(x_T: Tensor) -> None:
    """x_T is N(0, I)."""
    assert_moments(x_T, torch.zeros(2).double(), torch.eye(2).double())


def test_trap_9_a_uniform_start_is_refused():
    check_prior(VP().prior_sample(randn(20_000, 2), generator=generator(1)) / VP().marginal(1.0)[1])
    with pytest.raises(AssertionError):
        check_prior(torch.rand(20_000, 2, dtype=torch.float64, generator=generator(1)))


def check_enough_steps(s: Schedule) -> None:
    """The chain forgets: x_T hardly depends on x_0 (< 0.01 nat), and samples of N(3, 0.25) have that mean
    (within 0.03).
    """
    data = gaussian(3.0, 0.25)
    assert float(kl_to_prior(s, torch.full((1, 1), 3.0, dtype=torch.float64))) < 0.01
    x = last(ddim(eps_model(data, s), s, randn(2000, 1)))
    assert abs(float(x.mean()) - 3.0) < 0.03 + 6.5 * 0.5 / 2000**0.5


def test_trap_13_too_few_steps_for_the_schedule_are_refused():
    check_enough_steps(linear(1000))
    for T in (100, 200):
        with pytest.raises(AssertionError):
            check_enough_steps(linear(T))


def test_trap_14_a_network_that_drops_an_axis_is_refused():
    """(B,) against (B, B) broadcasts without a word."""
    x = randn(4, 4)
    last(ddim(wavy_eps, linear(5), x))
    with pytest.raises(ShapeError):
        last(ddim(lambda x, t: x.mean(1), linear(5), x))


Clip = Callable[[Model, Schedule], Model]


def check_clip(clip: Clip) -> None:
    """x_0_hat is clamped to [-1, 1], exactly, and only there."""
    s = linear(200)
    for t in (5, 100, 200):
        x, index = randn(200, 2), torch.full((200,), t)
        alpha, sigma = s.alpha_bar[t].sqrt(), s.noise_var[t].sqrt()
        before = (x - sigma * wavy_eps(x, index)) / alpha
        after = (x - sigma * clip(wavy_eps, s)(x, index)) / alpha
        torch.testing.assert_close(after, before.clamp(-1, 1), rtol=1e-9, atol=1e-9)


def check_convergence(eps: Model) -> None:
    """On unclipped N(0.7, 0.25) data a sampler's mean is right; a clamp does not make it so."""
    s = linear(200, 1e-3, 0.1)
    x = last(ancestral(eps, s, randn(4000, 1), generator=generator(2)))
    assert abs(float(x.mean()) - 0.7) < 0.05
    assert abs(float(x.std()) - 0.5) < 0.05


def test_trap_17_wrong_clipping_is_refused():
    s = linear(200, 1e-3, 0.1)
    right = eps_model(gaussian(), s)
    check_clip(lambda eps, s: clip_x_0(eps, s, -1, 1))
    check_convergence(right)
    for wrong in (
        lambda eps, s: clip_x_0(eps, s, 0, 1),  # the range of other people's images
        lambda eps, s: lambda x, t: eps(x, t).clamp(-1, 1),  # eps clipped instead of x_0_hat
        lambda eps, s: lambda x, t: eps(x.clamp(-1, 1), t),
    ):
        with pytest.raises(AssertionError):
            check_clip(wrong)
    hidden = clip_x_0(lambda x, t: -right(x, t), s, -1, 1)  # a wrong sign: it would diverge, the clamp hides it
    assert float(last(ancestral(hidden, s, randn(100, 1))).abs().max()) <= 1 + 1e-9
    with pytest.raises(AssertionError):
        check_convergence(hidden)


DdimNoise = Callable[[Schedule, int, int, float], Tensor]


def check_ddim_noise(c: DdimNoise) -> None:
    """eta = 1 is the posterior's standard deviation; eta scales it; no step may need a clamp."""
    s = linear(200)
    for t, before in ((1, 0), (2, 1), (100, 99), (200, 199)):
        std = s.beta_tilde[t].sqrt()
        for eta in (0.0, 0.3, 1.0):
            torch.testing.assert_close(c(s, t, before, eta), eta * std, rtol=1e-9, atol=1e-12)
    for t, before in ((200, 100), (50, 1)):
        assert bool(s.noise_var[before] - c(s, t, before, 1.0) ** 2 >= 0), "the root of a negative number"


def our_ddim_noise(s: Schedule, t: int, before: int, eta: float) -> Tensor:
    return torch.tensor(ddim_kernel(make_path(s, randn(1, 1), [t, before]), eta).c[0], dtype=torch.float64)


def ratio(s: Schedule, t: int, before: int) -> Tensor:
    return s.noise_var[before] / s.noise_var[t]


def fresh(s: Schedule, t: int, before: int) -> Tensor:
    return 1 - s.alpha_bar[t] / s.alpha_bar[before]


def test_trap_18_a_wrong_ddim_sigma_is_refused():
    check_ddim_noise(our_ddim_noise)
    check_ddim_noise(lambda s, t, b, eta: eta * (ratio(s, t, b) * fresh(s, t, b)).sqrt())
    for wrong in (
        lambda s, t, b, eta: eta * ratio(s, t, b) * fresh(s, t, b),  # the root is missing
        lambda s, t, b, eta: eta * fresh(s, t, b).sqrt(),  # the ratio is missing
        lambda s, t, b, eta: (eta * ratio(s, t, b) * fresh(s, t, b)).sqrt(),  # eta times the variance
    ):
        with pytest.raises(AssertionError):
            check_ddim_noise(wrong)


Combine = Callable[[Tensor, Tensor, float], Tensor]


def check_guidance_w(combine: Combine) -> None:
    """Ho & Salimans: w = 0 is conditional, w = -1 unconditional, and it is a straight line."""
    c, u = randn(5, 2, seed=1), randn(5, 2, seed=2)
    for w in (-1.0, 0.0, 1.5):
        torch.testing.assert_close(combine(c, u, w), c + w * (c - u))


def test_trap_19_the_other_guidance_convention_or_sign_is_refused():
    def free(c: Tensor, u: Tensor, w: float) -> Tensor:
        y = torch.zeros(len(c), dtype=torch.long)
        net = classifier_free(
            lambda x, t, y: torch.where(y[:, None] == 0, c.repeat(2, 1), u.repeat(2, 1)), y, y + 1, w=w
        )
        return net(c, 0.5)

    check_guidance_w(combine_w)
    check_guidance_w(free)
    for wrong in (combine_scale, lambda c, u, w: (1 - w) * c + w * u, lambda c, u, w: combine_w(u, c, w)):
        with pytest.raises(AssertionError):
            check_guidance_w(wrong)


LangevinStep = Callable[[Tensor, torch.Generator], Tensor]


def check_langevin(step: LangevinStep) -> None:
    """On N(0, 1) with eta = 0.1 the variance settles at 1/(1 - eta/2).  CLT, error rate below 1e-9."""
    x, g = randn(20_000, 1), generator(3)
    for _ in range(100):
        x = step(x, g)
    assert_moments(x, torch.zeros(1).double(), torch.full((1, 1), 1 / 0.95).double())


def test_trap_20_mixed_langevin_conventions_are_refused():
    check_langevin(lambda x, g: one_step(ula(lambda x: -x, x, eta=0.1, n_steps=1, generator=g)))
    check_langevin(lambda x, g: x - 0.2 / 2 * x + 0.2**0.5 * noise_like(x, g))  # alpha = 2 eta, consistently
    for wrong in (
        lambda x, g: x - 0.1 / 2 * x + (2 * 0.1) ** 0.5 * noise_like(x, g),
        lambda x, g: x - 0.1 * x + 0.1**0.5 * noise_like(x, g),
        lambda x, g: x - 0.1 * x + 2 * 0.1 * noise_like(x, g),
        lambda x, g: x + 0.1 * x + (2 * 0.1) ** 0.5 * noise_like(x, g),  # trap 10, printed on a slide
    ):
        with pytest.raises(AssertionError):
            check_langevin(wrong)


ReverseSde = Callable[[VP, Tensor, list[float], torch.Generator], Tensor]


def check_reverse_sde(run: ReverseSde) -> None:
    """From exact p_1 to p_0.05 of N(0.7, 0.25) data, by 200 steps.  CLT plus the method's bias, error rate
    below 1e-9.
    """
    sde, times = VP(), time_grid(200, 1.0, 0.05)
    alpha, sigma = sde.marginal(torch.tensor([1.0, 0.05], dtype=torch.float64))
    start = alpha[0] * 0.7 + (alpha[0] ** 2 * 0.25 + sigma[0] ** 2).sqrt() * randn(20_000, 1)
    x = run(sde, start, times, generator(4))
    mean, var = alpha[1] * 0.7, alpha[1] ** 2 * 0.25 + sigma[1] ** 2
    assert bool(torch.isfinite(x).all())
    assert abs(float(x.mean() - mean)) < 0.03
    assert abs(float(x.var() / var) - 1) < 0.1


def reverse_by_hand(direction: float, root: Callable[[float], float], g2_weight: float = 1.0) -> ReverseSde:
    def run(sde: VP, x: Tensor, times: list[float], g: torch.Generator) -> Tensor:
        score = score_model(gaussian(), sde)
        for t, t_next in pairwise(times):
            dt = direction * (t_next - t)
            f, size = float(sde.rate(t)), float(sde.diffusion(t))
            x = x + (f * x - g2_weight * size**2 * score(x, t)) * dt + size * root(dt) * noise_like(x, g)
        return x

    return run


def test_trap_22_a_wrong_direction_of_time_is_refused():
    check_reverse_sde(
        lambda sde, x, times, g: last(reverse_sde(score_model(gaussian(), sde), sde, x, times, generator=g))
    )
    check_reverse_sde(reverse_by_hand(1.0, lambda dt: abs(dt) ** 0.5))
    for wrong in (
        reverse_by_hand(-1.0, lambda dt: abs(dt) ** 0.5),  # dt > 0: forward drift
        reverse_by_hand(1.0, lambda dt: float(torch.tensor(dt).sqrt())),  # the root of a negative number
        reverse_by_hand(1.0, lambda dt: abs(dt)),  # no root
        reverse_by_hand(1.0, lambda dt: abs(dt) ** 0.5, -1.0),  # trap 10: sign of the score
        reverse_by_hand(1.0, lambda dt: abs(dt) ** 0.5, 0.5),  # half of g^2 belongs to the ODE
    ):
        with pytest.raises(AssertionError):
            check_reverse_sde(wrong)


def test_the_traps_that_no_picture_shows_pass_a_sample_distance():
    """Why one-step checks exist: traps 6 and 8, run as whole samplers on the mixture, stay within the noise
    floor.
    """
    from tests.sampler_checks import energy_distance, energy_floor

    s, truth = linear(200), mixture().sample(1000, generator=generator(5))
    eps, floor = eps_model(mixture(), s), energy_floor(truth, 1000)
    for name, step in (
        ("6", WRONG_WITH_BETA["6 noise at t = 1"]),
        ("8", WRONG_WITH_BETA_TILDE["8 alpha_bar_t in the posterior mean"]),
    ):
        x, g = randn(1000, 2), generator(6)
        for t in range(200, 0, -1):
            x = step(eps, s, x, t, g)
        assert energy_distance(x, truth) < floor, name
