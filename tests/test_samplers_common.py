"""What holds for every sampler: gradients, generators, shapes, dtypes, inputs left alone, clear errors."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from diffkit import samplers, sigmas
from diffkit.errors import DiffkitError, RangeError, ShapeError
from diffkit.gaussian import sum_event
from diffkit.samplers import Step, last, per_example, time_grid, uniform_times
from diffkit.samplers.path import make_path
from diffkit.schedule import linear
from diffkit.sde import VP
from tests.sampler_checks import generator, randn

pytest_plugins = ["tests.device_fixtures"]

S, SDE, TIMES = linear(8), VP(), time_grid(6)
Network = Callable[..., Tensor]
Run = Callable[[Network, Tensor, torch.Generator | None], Iterator[Step]]


def minus_x(x: Tensor, t: Any = None) -> Tensor:
    return -0.1 * x


def log_normal(x: Tensor) -> Tensor:
    return -0.5 * sum_event(x**2)


SAMPLERS: dict[str, Run] = {
    "ancestral": lambda f, x, g: samplers.ancestral(f, S, x, generator=g),
    "ddim": lambda f, x, g: samplers.ddim(f, S, x, eta=0.5, generator=g),
    "ddim on an SDE": lambda f, x, g: samplers.ddim(f, SDE, x, times=TIMES, eta=0.5, generator=g),
    "ddim_invert": lambda f, x, g: samplers.ddim_invert(f, S, x, refine=1),
    "ula": lambda f, x, g: samplers.ula(f, x, eta=0.1, n_steps=5, generator=g),
    "mala": lambda f, x, g: samplers.mala(log_normal, f, x, eta=0.1, n_steps=5, generator=g),
    "annealed_langevin": lambda f, x, g: samplers.annealed_langevin(
        f, sigmas.geometric(3), x, n_steps=2, denoise=True, generator=g
    ),
    "reverse_sde": lambda f, x, g: samplers.reverse_sde(f, SDE, x, TIMES, generator=g),
    "euler_maruyama": lambda f, x, g: samplers.euler_maruyama(f, SDE.diffusion, x, TIMES, generator=g),
    "predictor_corrector": lambda f, x, g: samplers.predictor_corrector(f, SDE, x, TIMES, generator=g),
    "probability_flow": lambda f, x, g: samplers.probability_flow(f, SDE, x, TIMES),
    "dpm_solver_2": lambda f, x, g: samplers.dpm_solver_2(f, SDE, x, TIMES),
    "dpm_solver_2m": lambda f, x, g: samplers.dpm_solver_2m(f, S, x),
    "cold": lambda f, x, g: samplers.cold(f, lambda x, t: x * (1 + t), x, 5),
    "inpaint": lambda f, x, g: samplers.inpaint(
        f, S, x, torch.as_tensor(x), torch.zeros((), dtype=torch.bool), n_resample=2, generator=g
    ),
}
every_sampler = pytest.mark.parametrize("run", SAMPLERS.values(), ids=SAMPLERS.keys())


@every_sampler
def test_gradients_are_off_inside_and_untouched_in_the_caller(run: Run):
    seen = []

    def f(x: Tensor, t: Any = None) -> Tensor:
        seen.append(torch.is_grad_enabled())
        return minus_x(x)

    steps = run(f, randn(3, 2).requires_grad_(), generator())
    next(steps)
    for step in steps:
        assert torch.is_grad_enabled()
        assert not step.x.requires_grad
    assert seen
    assert not any(seen)


@every_sampler
def test_the_same_seed_gives_the_same_steps(run: Run):
    first, second = ([step.x for step in run(minus_x, randn(3, 2), generator(1))] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@every_sampler
def test_the_global_random_state_is_neither_used_nor_moved(run: Run):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    last(run(minus_x, randn(3, 2), generator(1)))
    assert torch.equal(torch.get_rng_state(), before)


@every_sampler
def test_yielded_states_and_inputs_are_never_changed_later(run: Run):
    x = randn(3, 2)
    start, kept, copies = x.clone(), [], []
    for step in run(minus_x, x, generator(1)):
        kept.append(step.x)
        copies.append(step.x.clone())
    assert torch.equal(x, start)
    assert all(torch.equal(a, b) for a, b in zip(kept, copies, strict=True))


@every_sampler
@pytest.mark.parametrize("shape", [(1, 2), (4, 1, 4, 4), (4, 4), (2, 3, 5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shape_and_dtype_stay(run: Run, shape: tuple[int, ...], dtype: torch.dtype):
    for step in run(minus_x, randn(*shape).to(dtype), generator()):
        assert step.x.shape == shape
        assert step.x.dtype == dtype


@every_sampler
def test_images_are_treated_as_their_flattened_vectors(run: Run):
    """No coefficient meets the wrong axis, even where all axes have one length."""
    x = randn(4, 4, 4)
    flat = last(run(minus_x, x.flatten(1), generator(1)))
    torch.testing.assert_close(last(run(minus_x, x, generator(1))), flat.reshape(4, 4, 4))


@every_sampler
def test_a_view_with_other_strides_gives_the_same_result(run: Run):
    x = randn(6, 4)
    torch.testing.assert_close(
        last(run(minus_x, x.t().contiguous().t(), generator(1))), last(run(minus_x, x, generator(1)))
    )


@every_sampler
@pytest.mark.parametrize("wrong", [lambda x: x[:, :1], lambda x: x.sum(1), lambda x: None])
def test_a_network_of_the_wrong_shape_is_refused(run: Run, wrong):
    with pytest.raises(ShapeError, match="network returned"):
        last(run(lambda x, t=None: wrong(x), randn(4, 4), generator()))


@every_sampler
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.tensor(1.0), "first axis"),
        ([[1.0, 2.0]], "first axis"),
        (torch.ones(2, 2, dtype=torch.long), "floating point"),
        (torch.tensor([[1.0, float("nan")]]), "not finite"),
    ],
)
def test_a_bad_start_is_refused_at_once(run: Run, x, message: str):
    with pytest.raises(DiffkitError, match=message):
        run(minus_x, x, None)


def test_a_generator_on_another_device_is_refused():
    class Elsewhere:
        device = torch.device("cuda")

    with pytest.raises(RangeError, match="generator is on cuda"):
        samplers.ancestral(minus_x, S, randn(2, 2), generator=Elsewhere())  # type: ignore[arg-type]


def test_schedules_hand_out_t_as_one_whole_number_per_example():
    seen = []

    def eps(x: Tensor, t: Tensor) -> Tensor:
        seen.append(t.clone())
        return x

    list(samplers.ancestral(eps, S, randn(3, 2)))
    assert [t.tolist() for t in seen] == [[i] * 3 for i in range(8, 0, -1)]
    assert all(t.dtype == torch.int64 for t in seen)


def test_sdes_hand_out_t_as_a_float_and_per_example_makes_it_a_batch():
    seen: list[Any] = []

    def net(x: Tensor, t: Any) -> Tensor:
        seen.append(t)
        return x

    list(samplers.reverse_sde(net, SDE, randn(3, 2), [0.5, 0.25]))
    assert type(seen[0]) is float
    list(samplers.reverse_sde(per_example(net), SDE, randn(3, 2).float(), [0.5, 0.25]))
    assert seen[1].tolist() == [0.5] * 3
    assert seen[1].dtype == torch.float32
    per_example(net)(randn(3, 2), 0.1)
    assert seen[-1].dtype == torch.float64


def test_steps_carry_the_network_s_answer():
    steps = list(samplers.ddim(minus_x, S, randn(3, 2)))
    assert steps[0].out is None
    for before, after in pairwise(steps):
        assert after.out is not None
        torch.testing.assert_close(after.out, minus_x(before.x))


def test_last_of_a_spent_sampler_is_refused():
    run = samplers.ddim(minus_x, S, randn(3, 2))
    last(run)
    with pytest.raises(RangeError, match="make a new one"):
        last(run)


@given(st.integers(-3, 60), st.integers(-3, 60))
def test_uniform_times_fall_from_T_to_zero_evenly_or_refuse(T: int, n: int):
    if not 1 <= n <= T:
        with pytest.raises(RangeError):
            uniform_times(T, n)
        return
    times = uniform_times(T, n)
    gaps = {a - b for a, b in pairwise(times)}
    assert (times[0], times[-1], len(times)) == (T, 0, n + 1)
    assert max(gaps) - min(gaps) <= 1


numbers = st.floats(-1, 10) | st.integers(-1, 10) | st.just(float("nan"))


@settings(max_examples=200)
@given(st.lists(numbers, max_size=4), st.booleans(), st.sampled_from([S, SDE]))
def test_paths_are_in_order_and_in_range_or_refused(times: list[float], rising: bool, noise):
    try:
        path = make_path(noise, torch.ones(2, 1), times, rising=rising)
    except DiffkitError:
        return
    assert path.times == sorted(path.times, reverse=not rising) == [float(t) for t in times]
    assert len(path.given) == len(path.alpha) == len(path.sigma) == len(times)
    assert min(path.times) >= 0
    assert max(path.times) <= (8 if noise is S else 1)


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLERS)),
    shape=st.lists(st.integers(0, 3), max_size=4),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool]),
)
def test_any_start_gives_finite_steps_or_an_error_of_ours(name: str, shape: list[int], dtype: torch.dtype):
    try:
        steps = list(SAMPLERS[name](minus_x, torch.ones(shape).to(dtype), generator()))
    except DiffkitError:
        return
    assert all(step.x.shape == tuple(shape) and step.x.dtype == dtype for step in steps)
    if dtype in (torch.float32, torch.float64):
        assert all(bool(torch.isfinite(step.x).all()) for step in steps)


@every_sampler
def test_on_a_gpu_everything_stays_there(run: Run, device: torch.device):
    x = torch.randn(3, 2, device=device)
    for step in run(minus_x, x, torch.Generator(device).manual_seed(0)):
        assert step.x.device == device
