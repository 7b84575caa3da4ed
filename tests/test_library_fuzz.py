"""Arbitrary input to the public functions: an answer without nan, or an error of ours that says what to do."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import (
    elbo,
    forward,
    gaussian,
    guidance,
    latent,
    likelihood,
    metrics,
    nets,
    samplers,
    schedule,
    sde,
    sigmas,
)
from diffkit.errors import DiffkitError
from diffkit.gaussian import FullGaussian, Gaussian
from diffkit.oracle import GaussianMixture
from tests import properties  # noqa: F401  # no time limit
from tests.fuzz_values import Drawn

S = schedule.linear(4, 0.05, 0.5)
FLOW = sde.VP()


def net(x, t):
    return 0.1 * x


def log_normal(x):
    return -gaussian.sum_event(x**2) / 2


def some(steps):
    """The first few states of a sampler."""
    return [step.x for step in itertools.islice(steps, 4)]


SAMPLERS = {
    "ancestral": lambda v: some(samplers.ancestral(net, S, v.batch(), t_start=v.integer())),
    "ancestral, variance": lambda v: some(samplers.ancestral(net, S, v.batch(), variance=v.tensor())),
    "ddim": lambda v: some(samplers.ddim(net, S, v.batch(), times=v.times(), eta=v.number())),
    "ddim, continuous": lambda v: some(samplers.ddim(net, FLOW, v.batch(), times=v.times())),
    "ddim_invert": lambda v: some(samplers.ddim_invert(net, S, v.batch(), times=v.times(), refine=v.integer())),
    "dpm_solver_2": lambda v: some(samplers.dpm_solver_2(net, FLOW, v.batch(), v.times())),
    "dpm_solver_2m": lambda v: some(samplers.dpm_solver_2m(net, S, v.batch(), times=v.times())),
    "ula": lambda v: some(samplers.ula(lambda x: -x, v.batch(), eta=v.number(), n_steps=v.integer())),
    "mala": lambda v: some(samplers.mala(log_normal, lambda x: -x, v.batch(), eta=v.number(), n_steps=v.integer())),
    "annealed_langevin": lambda v: some(
        samplers.annealed_langevin(net, v.tensor(), v.batch(), n_steps=v.integer(), step_size=v.number())
    ),
    "reverse_sde": lambda v: some(samplers.reverse_sde(net, FLOW, v.batch(), v.times())),
    "predictor_corrector": lambda v: some(
        samplers.predictor_corrector(net, FLOW, v.batch(), v.times(), n_corrector=v.integer(), snr=v.number())
    ),
    "probability_flow": lambda v: some(samplers.probability_flow(net, FLOW, v.batch(), v.times())),
    "euler_maruyama": lambda v: some(samplers.euler_maruyama(net, lambda t: 1.0, v.batch(), v.times())),
    "cold": lambda v: some(samplers.cold(net, net, v.batch(), v.integer())),
    "inpaint": lambda v: some(samplers.inpaint(net, S, v.batch(), v.tensor(), v.tensor(), n_resample=v.integer())),
    "time_grid": lambda v: samplers.time_grid(v.integer(), v.number(), v.number()),
    "uniform_times": lambda v: samplers.uniform_times(v.integer(), v.integer()),
}
TABLES = {
    "linear": lambda v: schedule.linear(v.integer(), v.number(), v.number()).alpha_bar,
    "cosine": lambda v: schedule.cosine(v.integer(), v.number(), v.number()).alpha_bar,
    "sigmoid": lambda v: schedule.sigmoid(v.integer(), v.number(), v.number(), v.number()).alpha_bar,
    "from_alpha_bar": lambda v: schedule.from_alpha_bar(v.tensor(), beta_max=v.number()).beta,
    "from_log_snr": lambda v: schedule.from_log_snr(v.tensor()).beta,
    "Schedule": lambda v: schedule.Schedule(v.tensor()).beta_tilde,
    "geometric": lambda v: sigmas.geometric(v.integer(), v.number(), v.number()),
    "karras": lambda v: sigmas.karras(v.integer(), v.number(), v.number(), v.number()),
    "VP": lambda v: sde.VP(v.number(), v.number()).marginal(v.number()),
    "SubVP": lambda v: sde.SubVP(v.number(), v.number()).marginal(v.number()),
    "VE": lambda v: sde.VE(v.number(), v.number()).marginal(v.number()),
    "LogSnr": lambda v: nets.LogSnr(v.number(), v.number(), width=v.integer())(v.tensor()).detach(),
}
DENSITIES = {
    "Gaussian": lambda v: Gaussian(v.tensor(), v.tensor()).log_prob(v.tensor()),
    "FullGaussian": lambda v: FullGaussian(v.tensor(), v.tensor()).log_prob(v.tensor()),
    "kl": lambda v: gaussian.kl(Gaussian(v.tensor(), v.tensor()), Gaussian(v.tensor(), v.tensor())),
    "product": lambda v: gaussian.product(Gaussian(v.tensor(), v.tensor()), Gaussian(v.tensor(), v.tensor()))[1],
    "mixture": lambda v: GaussianMixture(v.tensor(), v.tensor(), v.tensor()).log_prob(v.tensor()),
    "isotropic": lambda v: GaussianMixture.isotropic(v.tensor(), v.tensor(), v.number()).score(v.tensor()),
    "q_step": lambda v: forward.q_step(S, v.tensor(), v.integer()).mean,
    "q_marginal": lambda v: forward.q_marginal(S, v.tensor(), v.integer()).var,
    "q_posterior": lambda v: forward.q_posterior(S, v.tensor(), v.tensor(), v.integer()).mean,
    "q_between": lambda v: forward.q_between(S, v.tensor(), v.integer(), v.integer()).mean,
    "q_sample": lambda v: forward.q_sample(S, v.tensor(), v.integer(), noise=v.tensor()),
    "kl_to_prior": lambda v: forward.kl_to_prior(S, v.tensor(), v.integer()),
}
MEASURES = {
    "energy_distance": lambda v: metrics.energy_distance(v.batch(), v.batch()),
    "sliced_wasserstein": lambda v: metrics.sliced_wasserstein(v.batch(), v.batch(), n_directions=v.integer()),
    "wasserstein_1d": lambda v: metrics.wasserstein_1d(v.tensor(), v.tensor()),
    "frechet_distance": lambda v: metrics.frechet_distance(v.batch(), v.batch()),
    "coverage": lambda v: metrics.coverage(v.batch(), v.batch(), v.integer()),
    "mode_weights": lambda v: metrics.mode_weights(v.batch(), v.batch()),
    "mode_error": lambda v: metrics.mode_error(v.batch(), v.batch(), v.tensor()),
    "dequantise": lambda v: likelihood.dequantise(v.tensor(), v.integer()),
    "log_likelihood": lambda v: likelihood.log_likelihood(net, FLOW, v.batch(), v.times()).log_prob,
    "rademacher": lambda v: likelihood.rademacher(v.integer(), v.batch()),
    "bits_per_dim": lambda v: elbo.bits_per_dim(v.tensor(), v.integer()),
    "combine_w": lambda v: guidance.combine_w(v.tensor(), v.tensor(), v.number()),
    "combine_scale": lambda v: guidance.combine_scale(v.tensor(), v.tensor(), v.number()),
    "fit_scale": lambda v: latent.fit_scale(v.batch(), per_channel=v.flag()).std,
    "continuous": lambda v: elbo.continuous(lambda x, r: 0 * x, lambda u: 1 - 2 * u, v.batch(), v.tensor()),
}
NETWORKS = {
    "Mlp": lambda v: nets.Mlp(v.integer(), width=v.integer(), depth=v.integer())(v.batch(), v.tensor()).detach(),
    "Mlp of 3": lambda v: nets.Mlp(3, width=4, depth=1)(v.batch(), v.tensor()).detach(),
    "UNet": lambda v: nets.UNet(1, (8,))(v.tensor(), v.tensor()).detach(),
    "SinusoidalEmbedding": lambda v: nets.SinusoidalEmbedding(v.integer(), max_period=v.number())(v.tensor()),
    "FourierEmbedding": lambda v: nets.FourierEmbedding(v.integer(), std=v.number())(v.tensor()),
    "Classifier": lambda v: nets.Classifier(channels=8, width=8)(v.tensor(), v.tensor()).detach(),
}
CALLS = SAMPLERS | TABLES | DENSITIES | MEASURES | NETWORKS


def numbers_of(answer):
    """Every tensor in an answer, and every number as one."""
    if isinstance(answer, tuple | list):
        return [x for a in answer for x in numbers_of(a)]
    return [torch.as_tensor(answer)]


@pytest.mark.parametrize("name", CALLS)
@given(st.data())
def test_an_answer_or_an_error_of_ours(name, data):
    drawn = Drawn(data)
    try:
        answer = CALLS[name](drawn)
    except DiffkitError:
        return
    if drawn.tame:
        assert not any(bool(torch.isnan(x).any()) for x in numbers_of(answer))
