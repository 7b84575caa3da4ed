"""Samplers with the number of their steps, guidance, SDEs, ladders."""

from typing import Any

import torch

from diffkit import guidance, parameterize, samplers, sde, sigmas
from diffkit.gaussian import sum_event
from diffkit.schedule import linear
from tests.on_device import S, net, pull, schedules
from tests.sampler_checks import mixture

VP = sde.VP()
SDES = (VP, sde.SubVP(), sde.VE(0.1, 5.0), sde.EDM(5.0))


def x_T(p):
    return p.randn(3, 2)


def chain(p, n):
    return linear(n, 0.01, 0.4).to(p.device)


def down(n):
    return samplers.time_grid(n)


def shrink(x, t):
    return x * (1 - 0.1 * t)


def log_normal(x):
    return -0.5 * sum_event(x**2)


def known(p, n):
    mask = p(torch.tensor([True, False]))
    return samplers.inpaint(net, chain(p, n), x_T(p), x_T(p), mask, n_resample=2, generator=p.draw())


def linear_inverse(p, n):
    f = guidance.linear_inverse(lambda x, t: torch.tanh(x), VP, p.randn(1, 2), p.randn(1, seed=1), 0.5)
    return samplers.ddim(f, VP, x_T(p), times=down(n))


def oracle(p, n):
    m = mixture().to(p.device)
    return samplers.reverse_sde(lambda x, t: m.score(x, *VP.marginal(t)), VP, x_T(p), down(n), generator=p.draw())


# The same with n steps each.  A sampler that its own time tables, or those of its user, make wait at every step would
# keep a GPU idle most of the time.
RUNS: dict[str, Any] = {
    "ancestral": lambda p, n: samplers.ancestral(net, chain(p, n), x_T(p), generator=p.draw()),
    "ancestral, tables on the CPU": lambda p, n: samplers.ancestral(
        net, linear(n, 0.01, 0.4), x_T(p), variance=chain(p, n).beta_tilde, generator=p.draw()
    ),
    "ddim": lambda p, n: samplers.ddim(net, chain(p, n), x_T(p), eta=0.5, generator=p.draw()),
    "ddim on an SDE": lambda p, n: samplers.ddim(
        pull, VP, x_T(p), times=p(torch.tensor(down(n))), eta=0.5, generator=p.draw()
    ),
    "ddim_invert": lambda p, n: samplers.ddim_invert(net, chain(p, n), x_T(p), refine=1),
    "ula": lambda p, n: samplers.ula(pull, x_T(p), eta=0.1, n_steps=n, generator=p.draw()),
    "mala": lambda p, n: samplers.mala(log_normal, pull, x_T(p), eta=0.1, n_steps=n, generator=p.draw()),
    "annealed_langevin": lambda p, n: samplers.annealed_langevin(
        pull, p(sigmas.geometric(n)), x_T(p), n_steps=2, denoise=True, generator=p.draw()
    ),
    "reverse_sde": lambda p, n: samplers.reverse_sde(
        samplers.per_example(net), VP, x_T(p), down(n), generator=p.draw()
    ),
    "euler_maruyama": lambda p, n: samplers.euler_maruyama(
        VP.drift, VP.diffusion, x_T(p), down(n)[::-1], generator=p.draw()
    ),
    "predictor_corrector": lambda p, n: samplers.predictor_corrector(pull, VP, x_T(p), down(n), generator=p.draw()),
    "ancestral_kernel": lambda p, n: samplers.predictor_corrector(
        pull, VP, x_T(p), down(n), predictor=samplers.ancestral_kernel, generator=p.draw()
    ),
    "probability_flow": lambda p, n: samplers.probability_flow(pull, VP, x_T(p), down(n)),
    "rk4": lambda p, n: samplers.probability_flow(pull, VP, x_T(p), down(n), step=samplers.rk4),
    "euler": lambda p, n: samplers.probability_flow(pull, VP, x_T(p), down(n), step=samplers.euler),
    "adaptive": lambda p, n: samplers.probability_flow(pull, VP, x_T(p), down(n), step=samplers.adaptive(rtol=0.1)),
    "dpm_solver_2": lambda p, n: samplers.dpm_solver_2(pull, VP, x_T(p), down(n)),
    "dpm_solver_2m": lambda p, n: samplers.dpm_solver_2m(net, chain(p, n), x_T(p)),
    "cold": lambda p, n: samplers.cold(shrink, shrink, x_T(p), n),
    "inpaint": known,
    "clip_x_0": lambda p, n: samplers.ancestral(
        samplers.clip_x_0(net, chain(p, n), -1, 1), chain(p, n), x_T(p), generator=p.draw()
    ),
    "clip_x_0 on an SDE": lambda p, n: samplers.ddim(samplers.clip_x_0(pull, VP, -1, 1), VP, x_T(p), times=down(n)),
    "classifier_guided": lambda p, n: samplers.ancestral(
        guidance.classifier_guided(net, lambda x, t: log_normal(x), chain(p, n)),
        chain(p, n),
        x_T(p),
        generator=p.draw(),
    ),
    "classifier_guided on an SDE": lambda p, n: samplers.ddim(
        guidance.classifier_guided(pull, lambda x, t: log_normal(x), VP), VP, x_T(p), times=down(n)
    ),
    "an x0 network": lambda p, n: samplers.ddim(
        lambda x, t: parameterize.convert_at(pull(x), "x0", "eps", x, *map(float, VP.marginal(t))),
        VP,
        x_T(p),
        times=down(n),
    ),
    "linear_inverse": linear_inverse,
    "an exact score": oracle,
}


def labelled(x, t, y):
    return net(x, t) + y.to(x).unsqueeze(1)


def classifier_free(p):
    y, t = p(torch.tensor([0, 1, 2])), p(torch.tensor([1, 5, 8]))
    ways = [{"w": 0.5}, {"scale": 2.0}]
    return [guidance.classifier_free(labelled, y, torch.full_like(y, 3), **way)(x_T(p), t) for way in ways]


def inverse(p):
    A, t = p.randn(1, 2), p(torch.tensor([5, 5, 5]))
    ways = [{}, {"posterior_cov": lambda t: p.spd(2)}, {"posterior_cov": lambda t: 0.3}]
    return [
        guidance.linear_inverse(net, s, A, y, 0.0, **way)(x_T(p), t)
        for s in schedules(p)
        for y in (p.randn(1), p.randn(3, 1))
        for way in ways
    ]


def coefficients(process):
    def claim(p):
        t = p(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64))
        x = x_T(p)
        parts = [process.rate(t), process.diffusion(t), process.marginal(t), process.half_log_snr(t)]
        drifts = [f(x, i, *s) for i in (t, 0.5) for f, s in _drifts(process, x)]
        return [*parts, process.time_of(process.half_log_snr(t)), process.prior_sample(x, generator=p.draw()), *drifts]

    return claim


def _drifts(process, x):
    return (process.drift, ()), (process.reverse_drift, (-x,)), (process.flow_drift, (-x,))


def step_of(solver):
    return lambda p: solver(pull, x_T(p), 0.5, -0.1)


CLAIMS: dict[str, Any] = {
    **{f"samplers.{name}": lambda p, run=run: run(p, 4) for name, run in RUNS.items()},
    "samplers.affine_chain": lambda p: samplers.affine_chain(
        pull, x_T(p), range(3), [0.0] * 2, samplers.Affine([0.9] * 2, [0.1] * 2, [0.2] * 2), p.draw()
    ),
    "samplers.corrector_step": lambda p: samplers.corrector_step(x_T(p), -x_T(p), p.randn(3, 2, seed=1), 0.16),
    "samplers.heun": step_of(samplers.heun),
    "samplers.per_example": lambda p: samplers.per_example(net)(x_T(p), 0.5),
    "samplers.last": lambda p: samplers.last(samplers.ddim(net, S, x_T(p))),
    "guidance.classifier_guided": lambda p: [
        guidance.classifier_guided(net, lambda x, t: log_normal(x), s)(x_T(p), p(torch.tensor([1, 5, 8])))
        for s in schedules(p)
    ],
    "guidance.classifier_guided_score": lambda p: guidance.classifier_guided_score(pull, lambda x, t: log_normal(x))(
        x_T(p), 0.5
    ),
    "guidance.combine_w": lambda p: guidance.combine_w(x_T(p), p.randn(3, 2, seed=1), 0.5),
    "guidance.combine_scale": lambda p: guidance.combine_scale(x_T(p), p.randn(3, 2, seed=1), 0.5),
    "guidance.classifier_free": classifier_free,
    "guidance.linear_inverse": inverse,
    "guidance.gradient": lambda p: guidance.gradient(log_normal, x_T(p)),
    **{f"sde.{type(process).__name__}": coefficients(process) for process in SDES},
    "sigmas.geometric": lambda p: sigmas.geometric(5, device=p.device),
    "sigmas.karras": lambda p: sigmas.karras(5, device=p.device),
    "sigmas.check_ladder": lambda p: sigmas.check_ladder(p(sigmas.geometric(5))),
}
