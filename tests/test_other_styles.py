"""Right answers in other styles and by other roads.  All have full marks."""

import pytest

from grader import compare
from grader.answer import ask_here
from grader.exercises import EXERCISES
from grader.verdict import finding_in
from tests import styles
from tests.in_32_bits import result_in_32_bits
from tests.mutant_trial import questions
from tests.roads import roads

SEEDS = range(1000, 1002)
ROADS = list(roads())
# The dtype decides which numbers a generator draws, so it cannot be changed on the way.
DRAWS = {"start.noise_like"}

NOT_IN_32_BITS = {
    "guidance.drop_labels": "a label is dropped when u < p, and u lies next to p",
    "guidance.guided_gaussian": "the mean may be a small rest of numbers that cancel, and the rounding is none",
}
# Where each argument has its examples.  An exercise whose cases count the calls of a network is not here: one call must
# do for all examples.
AXES = {
    "start.rescale": {"pixels": 0},
    "start.scale_each": {"a": 0, "x": 0},
    "start.standardize": {"x": 0},
    "graphs.fuse": dict.fromkeys(("m_1", "v_1", "m_2", "v_2"), 0),
    "graphs.kl": dict.fromkeys(("mean_q", "var_q", "mean_p", "var_p"), 0),
    "forward.q_step": {"x_prev": 0, "noise": 0},
    "forward.q_sample_loop": {"x_0": 0, "noises": 1},
    "forward.q_sample": {"x_0": 0, "t": 0, "noise": 0},
    "forward.collapse_noise": {"noises": 1},
    "forward.snr": {"alpha_bar": 0},
    "forward.kl_to_prior": {"x_0": 0, "t": 0},
    "forward.noisy_mixture_log_density": {"x": 0},
    "bound.log_joint": {"x": 1, "means": 1},
    "bound.chain_log_likelihood": {"x_0": 0},
    "bound.log_q": {"x": 1},
    "bound.integrand": {"x": 1, "means": 1},
    "bound.gap": {"x_0": 0, "q_mean": 0},
    "bound.importance_weighted": {"log_w": 1},
    "bound.reparameterize": {"mean": 0, "log_var": 0, "noise": 0},
    "bound.vae_loss": dict.fromkeys(("x", "mean_z", "log_var_z", "mean_x"), 0),
    "bound.reverse_log_density": {"x_prev": 0, "x_t": 0},
    "elbo.bayes_ratio": {"x_prev": 0, "x_t": 0, "x_0": 0},
    "elbo.posterior_q": {"x_0": 0, "x_t": 0, "t": 0},
    "elbo.kl_isotropic": dict.fromkeys(("mean_q", "var_q", "mean_p", "var_p"), 0),
    "elbo.L_t": dict.fromkeys(("x_0", "x_t", "t", "mean_p", "var_p"), 0),
    "elbo.L_T": {"x_0": 0},
    "elbo.weighted_sum": {"noise": 1, "eps_hat": 1},
    "elbo.L_0": {"x_0": 0, "mean": 0},
    "elbo.bits_per_dim": {"log_p": 0},
    "elbo.code_length": {"L_T": 0, "L_t": 0, "L_0": 0},
    "ddpm.mean_from_eps": {"x_t": 0, "eps": 0, "t": 0},
    "ddpm.convert": {"value": 0, "x_t": 0, "t": 0},
    "ddpm.best_eps": {"x_t": 0, "t": 0},
    "ddpm.draw_steps": {"u": 0},
    "ddpm.timestep_embedding": {"t": 0},
    "ddpm.ancestral_step": {"x_t": 0, "eps": 0, "noise": 0},
    "score.gaussian_score": {"x": 0},
    "score.mixture_score": {"x": 0},
    "score.explicit_loss": {"s": 0, "true": 0},
    "score.implicit_loss": {"x": 0},
    "score.sliced_loss": {"x": 0, "v": 1},
    "score.tweedie": {"x_t": 0, "score": 0, "t": 0},
    "score.score_from_eps": {"eps": 0, "t": 0},
    "score.best_reconstruction": {"x": 0},
    "score.weighted_sum": {"scores": 1, "noise": 1},
    "langevin.chain_variance": {"v_0": 0, "v": 0},
    "langevin.stationary_variance": {"v": 0},
    "langevin.to_alpha": {"eta": 0},
    "langevin.ladder_step": dict.fromkeys(("y", "sigma", "sigma_prev", "score_y", "noise"), 0),
    "langevin.mala_log_ratio": dict.fromkeys(("x", "y", "log_p_x", "log_p_y", "score_x", "score_y"), 0),
    "sde.em_step": {"x": 0, "drift": 0, "g": 0, "noise": 0},
    "sde.vp_coefficients": {"t": 0},
    "sde.ve_coefficients": {"t": 0},
    "sde.moment_rates": {"m": 0, "v": 0},
    "sde.sub_vp_diffusion": {"t": 0},
    "sde.reverse_drift": {"drift": 0, "g": 0, "score": 0},
    "sde.ddpm_minus_em": {"x": 0, "score": 0, "b": 0},
    "flow.velocity": {"x": 0, "score": 0, "f": 0, "g": 0},
    "flow.family_step": {"x": 0, "score": 0, "noise": 0},
    "flow.divergence": {"x": 0},
    "flow.hutchinson": {"x": 0, "probes": 1},
    "flow.probe_variance": {"J": 0},
    "flow.slerp": {"z_0": 0, "z_1": 0},
    "fast.keep": {"bar_t": 0, "bar_s": 0, "sigma2": 0},
    "fast.ddim_sigma": {"bar_t": 0, "bar_s": 0},
    "fast.ddim_step": dict.fromkeys(("x_t", "eps", "bar_t", "bar_s", "noise"), 0),
    "fast.multistep": {"x": 0, "x_0": 0, "before": 0},
    "guidance.class_log_prob": {"x_t": 0},
    "guidance.classifier_score": {"x_t": 0},
    "guidance.guided_eps": {"eps": 0, "grad": 0, "t": 0},
    "guidance.guided_step": {"x_t": 0, "eps": 0, "grad": 0, "noise": 0},
    "guidance.cfg": {"eps_y": 0, "eps_null": 0},
    "guidance.drop_labels": {"y": 0, "u": 0},
    "guidance.posterior_score": {"x_t": 0},
    "latent.encoder_entropy": {"log_var": 0},
    "latent.exact_terms": {"x": 0, "m": 0, "v": 0},
    "latent.decode_sample": {"u": 0},
    "latent.token_posterior": {"z": 0},
    "latent.rounding_term": {"tokens": 0, "log_posterior": 0},
    "latent.monotone_log_snr": {"u": 0},
    "hunt.mended_ddim": {"x": 0, "eps": 0, "z": 0},
}

each_exercise = pytest.mark.parametrize("e", EXERCISES.values(), ids=lambda e: e.name)


def refused(e, function_for, seeds=SEEDS):
    """The first case that does not accept the function which `function_for` makes for it."""
    for seed in seeds:
        for case, expected in questions(e.name, seed):
            answer = ask_here(function_for(case, expected), case)
            if found := finding_in(case, expected, answer):
                return case.label, found.public, found.detail
    return None


@each_exercise
def test_a_right_answer_in_float64_passes(e):
    if e.name in DRAWS:
        pytest.skip("the dtype decides which numbers are drawn")
    cast = styles.back_in
    assert not refused(e, lambda c, w: (cast(w.value) if c.strict_dtype else styles.in_float64)(e.reference))


@each_exercise
def test_a_right_answer_whose_result_is_rounded_to_32_bits_passes(e):
    """Where the prompt does not ask for float64; its gradient is rounded, too, though autograd says float64."""
    assert not refused(e, lambda c, w: e.reference if c.strict_dtype else result_in_32_bits(e.reference))


@each_exercise
def test_a_right_answer_on_own_copies_passes(e):
    assert not refused(e, lambda case, expected: styles.on_own_copies(e.reference), SEEDS[:1])


@each_exercise
def test_a_right_answer_passes_whatever_holds_it(e):
    """Numbers for tensors and tensors for numbers, lists for tuples, results with gaps in memory."""

    def kept(case, expected):
        spread = styles.otherwise_laid_out(e.reference)
        return spread if case.strict_dtype else styles.as_other_kinds(spread)

    assert not refused(e, kept, SEEDS[:1])


@each_exercise
@pytest.mark.parametrize("way", [styles.Rewrite, styles.Einsum])
def test_a_right_answer_with_every_operation_rewritten_passes(e, way):
    assert not refused(e, lambda case, expected: styles.rewritten(e.reference, way))


@each_exercise
def test_a_right_answer_that_makes_tensors_of_32_bits_out_of_numbers_passes(e):
    if e.name in NOT_IN_32_BITS:
        pytest.skip(NOT_IN_32_BITS[e.name])
    assert not refused(e, lambda case, expected: styles.with_numbers_in_32_bits(e.reference))


@pytest.mark.parametrize(("name", "road"), ROADS, ids=[road.__name__ for _, road in ROADS])
def test_a_right_answer_by_another_road_is_far_from_every_tolerance(name, road, monkeypatch):
    tight = {dtype: tolerance / 100 for dtype, tolerance in compare.TOLERANCE.items()}
    monkeypatch.setattr(compare, "TOLERANCE", tight)
    assert not refused(EXERCISES[name], lambda case, expected: road, range(1000, 1010))


@pytest.mark.parametrize("name", AXES)
def test_a_loop_over_the_examples_passes(name):
    e = EXERCISES[name]
    assert not refused(e, lambda case, expected: styles.one_at_a_time(e.reference, AXES[name]), SEEDS[:1])
