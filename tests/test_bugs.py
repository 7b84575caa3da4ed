"""The gallery of wrong samplers: the right one is the library's, and each other one has a single mistake."""

import pytest
import torch

from diffkit import bugs, data
from diffkit.samplers import ancestral, last
from diffkit.schedule import linear

SCHEDULE = linear(30, 5e-3, 0.4)
RING = data.ring_mixture()


def eps(x, t):
    return RING.eps(x, SCHEDULE.alpha_bar[t].sqrt(), SCHEDULE.noise_var[t].sqrt())


def test_the_right_sampler_is_the_librarys():
    like = torch.zeros(50, 2, dtype=torch.float64)
    g = torch.Generator().manual_seed(4)
    x_T = torch.randn(50, 2, dtype=torch.float64, generator=g)
    library = last(ancestral(eps, SCHEDULE, x_T, generator=g))
    ours = bugs.run(bugs.SAMPLERS[:1], eps, SCHEDULE, like, seed=4)[0]
    torch.testing.assert_close(ours, library, rtol=1e-9, atol=1e-9)


def test_running_all_at_once_is_running_each_alone():
    like = torch.zeros(20, 2, dtype=torch.float64)
    together = bugs.run(bugs.SAMPLERS, eps, SCHEDULE, like, seed=1)
    for k, sampler in enumerate(bugs.SAMPLERS):
        g = torch.Generator().manual_seed(1)
        x = sampler.start(like, g)
        for t in range(SCHEDULE.T, 0, -1):
            x = sampler.step(eps, SCHEDULE, x, t, g)
        torch.testing.assert_close(together[k], x, rtol=1e-9, atol=1e-9, equal_nan=True, msg=sampler.name)


@pytest.mark.parametrize("sampler", bugs.SAMPLERS[1:], ids=lambda a: a.name)
def test_every_mistake_is_one_and_only_one(sampler):
    """It differs from the right one in a coefficient, in what the network is told, in the noise, or in the start."""
    correct, x = bugs.SAMPLERS[0], torch.zeros(5, 2)
    steps = range(1, SCHEDULE.T + 1)
    parts = [
        [sampler.coefficients(SCHEDULE, t) for t in steps] != [correct.coefficients(SCHEDULE, t) for t in steps],
        [sampler.told(t) for t in steps] != [correct.told(t) for t in steps],
        *(
            not torch.equal(a(x, torch.Generator().manual_seed(0)), b(x, torch.Generator().manual_seed(0)))
            for a, b in ((sampler.draw, correct.draw), (sampler.start, correct.start))
        ),
    ]
    assert sum(parts) == 1
    assert sampler.code


def test_names_are_told_apart():
    assert len({a.name for a in bugs.SAMPLERS}) == len(bugs.SAMPLERS) == 13


def test_the_slide_puts_alpha_bar_of_t_where_that_before_belongs():
    """So the share of x_0_hat shrinks by sqrt(alpha_t), and what x_t brings by itself (x_0_hat = 0) stays."""
    slide = next(a for a in bugs.SAMPLERS if a.name == "mean as on a slide")
    for t in range(2, SCHEDULE.T + 1):
        (a, b, c), (right_a, right_b, right_c) = slide.coefficients(SCHEDULE, t), bugs.right(SCHEDULE, t)
        assert b / right_b == pytest.approx(float(SCHEDULE.alpha[t].sqrt()), rel=1e-9)
        unit = 1 / float(SCHEDULE.noise_var[t].sqrt())  # the eps that makes x_0_hat = 0 of x_t = 1
        assert a + b * unit == pytest.approx(right_a + right_b * unit, rel=1e-9)
        assert c == right_c


def test_the_padded_form_is_right_but_for_its_end():
    """With alpha_bar_{t-1} it would be the posterior's step; only t = 1 has another alpha_bar."""
    padded = next(a for a in bugs.SAMPLERS if a.name == "alpha_bar[0] is not 1")
    for t in range(2, SCHEDULE.T + 1):
        a, b, c = padded.coefficients(SCHEDULE, t)
        right_a, right_b, _ = bugs.right(SCHEDULE, t)
        assert a == pytest.approx(right_a, rel=1e-9)
        assert b == pytest.approx(right_b, rel=1e-9)
        assert c == pytest.approx(float(SCHEDULE.beta_tilde[t].sqrt()), rel=1e-9)
    assert padded.coefficients(SCHEDULE, 1)[2] > 0
