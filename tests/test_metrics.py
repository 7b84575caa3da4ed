"""The metrics: closed forms, brute force, their bias on right samples, and what each must see."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffkit import data, metrics
from diffkit.errors import DiffkitError, RangeError, ShapeError
from tests import properties  # noqa: F401  # no time limit

F64 = torch.float64
seeds = st.integers(0, 2**31)
counts = st.integers(1, 7)


def draw(seed, *shape):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def close(a, b, rtol=1e-9):
    torch.testing.assert_close(torch.as_tensor(a, dtype=F64), torch.as_tensor(b, dtype=F64), rtol=rtol, atol=1e-12)


@given(seeds, counts, counts)
def test_energy_distance_is_twice_the_squared_gap_of_the_distribution_functions(seed, n, m):
    x, y = draw(seed, n, 1), draw(seed + 1, m, 1)
    grid = torch.cat([x, y])[:, 0].sort().values
    gap = (x <= grid).double().mean(0) - (y <= grid).double().mean(0)
    close(metrics.energy_distance(x, y), 2 * (gap[:-1] ** 2 * grid.diff()).sum())


def test_energy_distance_of_two_points_is_twice_their_distance_and_of_a_sample_with_itself_zero():
    close(metrics.energy_distance(torch.zeros(3, 2), torch.tensor([[3.0, 4.0]])), 10)
    x = draw(0, 50, 2, 3)
    assert metrics.energy_distance(x, x.flip(0)) < 1e-12


def test_energy_distance_of_right_samples_is_biased_as_documented():
    # X, X' on the line: E|X - X'| = 2 / sqrt(pi).  400 repeats, 6 standard errors: error rate below 1e-8.
    n, m = 30, 50
    values = torch.stack([metrics.energy_distance(draw(i, n, 1), draw(10_000 + i, m, 1)) for i in range(400)])
    error = values.std() / math.sqrt(400)
    assert abs(values.mean() - 2 / math.sqrt(math.pi) * (1 / n + 1 / m)) < 6 * error


def test_energy_distance_in_blocks_is_the_same(monkeypatch):
    x, y = draw(0, 33, 2), draw(1, 20, 2)
    whole = metrics.energy_distance(x, y), metrics.coverage(x, y)
    monkeypatch.setattr("diffkit.metrics.points.CHUNK", 90)
    close(metrics.energy_distance(x, y), whole[0])
    close(metrics.coverage(x, y), whole[1])


@given(seeds, counts, counts)
def test_w2_on_the_line_is_the_one_of_repeated_points(seed, n, m):
    x, y = draw(seed, n, 1), draw(seed + 1, m, 1)
    a, b = (v[:, 0].sort().values.repeat_interleave(math.lcm(n, m) // len(v)) for v in (x, y))
    close(metrics.wasserstein_1d(x, y), ((a - b) ** 2).mean().sqrt())


@given(seeds, counts, counts)
def test_sliced_wasserstein_is_w2_of_each_projection(seed, n, m):
    x, y, v = draw(seed, n, 3), draw(seed + 1, m, 3), draw(seed + 2, 4, 3)
    each = [metrics.wasserstein_1d(x @ u[:, None], y @ u[:, None]) for u in v / v.norm(dim=1, keepdim=True)]
    close(metrics.sliced_wasserstein(x, y, directions=v), (torch.stack(each) ** 2).mean().sqrt())


def test_sliced_wasserstein_of_a_shift_is_its_length_over_the_root_of_the_dimension():
    # Each direction gives (u.c)^2, whose mean over the sphere is |c|^2 / D.  With u = the axes it is exact.
    x, c = draw(0, 40, 3), torch.tensor([1.0, -2.0, 2.0], dtype=F64)
    close(metrics.sliced_wasserstein(x, x + c, directions=torch.eye(3)), math.sqrt(3))
    g = torch.Generator().manual_seed(0)
    # Var (u.c)^2 = 4 |c|^4 / 45 in 3 dimensions: 6 standard errors of the square, error rate below 1e-8.
    found = metrics.sliced_wasserstein(x, x + c, n_directions=4000, generator=g)
    assert abs(found**2 - 3) < 6 * 9 * math.sqrt(4 / 45 / 4000)


def spd(seed, f):
    a = draw(seed, f, f)
    return a @ a.T + 0.01 * torch.eye(f, dtype=F64)


@given(seeds, st.integers(1, 5))
def test_frechet_is_its_formula_with_the_roots_of_the_product(seed, f):
    a, b, m = spd(seed, f), spd(seed + 1, f), draw(seed + 2, f)
    trace = torch.linalg.eigvals(a @ b).real.clamp(min=0).sqrt().sum()
    wanted = m.square().sum() + a.trace() + b.trace() - 2 * trace
    found = metrics.frechet_gaussian(m, a, torch.zeros(f, dtype=F64), b)
    torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-7)  # the eigenvalues of a product lose digits


def test_frechet_of_independent_coordinates_is_a_sum_of_squares():
    a, b = torch.tensor([4.0, 9.0, 0.0], dtype=F64), torch.tensor([1.0, 25.0, 16.0], dtype=F64)
    m = torch.tensor([1.0, 2.0, 3.0], dtype=F64)
    close(metrics.frechet_gaussian(m, a.diag(), 0 * m, b.diag()), 14 + 1 + 4 + 16)


@given(seeds, st.integers(2, 9), st.integers(2, 9), st.integers(1, 5))
def test_frechet_of_samples_is_the_one_of_their_moments(seed, n, m, f):
    x, y = draw(seed, n, f), draw(seed + 1, m, f)
    moments = [v for s in (x, y) for v in (s.mean(0), torch.cov(s.T).reshape(f, f))]
    torch.testing.assert_close(metrics.frechet_distance(x, y), metrics.frechet_gaussian(*moments), rtol=1e-6, atol=1e-6)


def test_frechet_keeps_its_digits_with_fewer_examples_than_features():
    x = draw(0, 10, 40)
    assert metrics.frechet_distance(x, x) < 1e-12
    close(metrics.frechet_distance(x, x + 2), 4 * 40)
    close(metrics.frechet_distance(x, 3 * x), (2 * x.mean(0)).square().sum() + 4 * x.var(0).sum())


def test_frechet_looks_through_the_features():
    x, y = draw(0, 20, 1, 2, 2), draw(1, 30, 1, 2, 2)
    features = lambda v: v.flatten(1)[:, :2]  # noqa: E731
    close(metrics.frechet_distance(x, y, features), metrics.frechet_distance(features(x), features(y)))


@given(seeds, st.integers(3, 8), counts, st.integers(1, 2))
def test_coverage_is_its_definition(seed, n, m, k):
    real, samples = draw(seed, n, 2), draw(seed + 1, m, 2)
    covered = 0
    for i in range(n):
        radius = sorted((real[i] - real[j]).norm().item() for j in range(n) if j != i)[k - 1]
        covered += any((real[i] - s).norm().item() < radius for s in samples)
    close(metrics.coverage(real, samples, k), covered / n)


def test_coverage_of_right_samples_is_as_expected():
    n, m, k = 40, 30, 3
    values = torch.stack([metrics.coverage(draw(i, n, 2), draw(10_000 + i, m, 2), k) for i in range(300)])
    error = values.std() / math.sqrt(300)  # 6 standard errors: error rate below 1e-8
    assert abs(values.mean() - metrics.expected_coverage(n, m, k)) < 6 * error


def test_coverage_loses_the_weight_of_a_lost_mode():
    mixture, g = data.ring_mixture(), torch.Generator().manual_seed(0)
    real, right = (mixture.sample(400, generator=g) for _ in range(2))
    kept = right[metrics_modes(right, mixture.means) != 0]
    lost = metrics.coverage(real, right) - metrics.coverage(real, kept)
    assert lost == pytest.approx(1 / 8, abs=0.06)  # 4 standard deviations of the share of one mode in 400
    assert metrics.coverage(real, real) == 1  # copies are not seen


def metrics_modes(x, centres):
    return torch.cdist(x, centres).argmin(1)


def test_mode_weights_count_and_their_error_is_the_misplaced_part():
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    x = centres.repeat_interleave(torch.tensor([5, 3, 2]), dim=0) + 0.5
    close(metrics.mode_weights(x, centres), [0.5, 0.3, 0.2])
    close(metrics.mode_error(x, centres, torch.tensor([0.3, 0.3, 0.4], dtype=F64)), 0.2)
    close(metrics.mode_weights(x[:5], centres), [1, 0, 0])


def test_the_floor_of_mode_weights_is_binomial():
    n, p = 12, 0.3
    exact = sum(math.comb(n, k) * p**k * (1 - p) ** (n - k) * abs(k / n - p) for k in range(n + 1))
    floor = metrics.mode_floor(torch.tensor([p, 1 - p]), n, repeats=20000, generator=torch.Generator().manual_seed(0))
    assert abs(floor.mean - exact) < 6 * floor.sd / math.sqrt(20000)  # error rate below 1e-8


DISTANCES = {
    "energy": metrics.energy_distance,
    "sliced": lambda x, y: metrics.sliced_wasserstein(x, y, directions=torch.eye(2)),
    # The spread along the radius as a feature: the ring's own covariance hides it.
    "frechet": lambda x, y: metrics.frechet_distance(x, y, lambda v: v.flatten(1).norm(dim=1, keepdim=True)),
    "lost coverage": lambda x, y: 1 - metrics.coverage(x, y),
}
FLOORS = {
    "split": lambda metric, x, g: metrics.noise_floor(metric, x, generator=g),
    "bootstrap": lambda metric, x, g: metrics.bootstrap_floor(metric, x, len(x) // 2, len(x) // 2, generator=g),
}


@pytest.mark.parametrize("make", FLOORS.values(), ids=FLOORS)
@pytest.mark.parametrize("metric", DISTANCES.values(), ids=DISTANCES)
def test_every_metric_stands_out_of_its_floor_when_the_spread_inside_modes_is_wrong(metric, make):
    # A third of the right spread: what variance for standard deviation and missing roots do to samples.
    g = torch.Generator().manual_seed(0)
    real = data.ring_mixture(4, std=0.5).sample(600, generator=g)
    right = data.ring_mixture(4, std=0.5).sample(300, generator=g)
    wrong = data.ring_mixture(4, std=0.15).sample(300, generator=g)
    floor = make(metric, real, torch.Generator().manual_seed(1))
    assert floor.values.shape == (20,)
    assert floor.p_value(metric(real[:300], wrong)) == pytest.approx(1 / 21)
    if make is FLOORS["split"] or metric is not DISTANCES["lost coverage"]:  # copies shrink the neighbourhoods
        assert abs(metric(real[:300], right) - floor.mean) < 6 * floor.sd


def test_halves_are_disjoint_of_the_asked_size_and_repeat_with_the_generator():
    x, seen = torch.arange(10.0)[:, None], []

    def spy(a, b):
        seen.append((a, b))
        return a.mean() - b.mean()

    values = [
        metrics.noise_floor(spy, x, n=3, m=6, repeats=4, generator=torch.Generator().manual_seed(0)).values
        for _ in range(2)
    ]
    assert torch.equal(*values)
    assert len(set(values[0].tolist())) > 1
    for a, b in seen:
        assert (len(a), len(b)) == (3, 6)
        assert len(torch.cat([a, b]).unique()) == 9


def test_the_floor_of_split_halves_is_what_fresh_samples_give():
    fresh = torch.stack([metrics.energy_distance(draw(i, 50, 2), draw(5000 + i, 50, 2)) for i in range(200)])
    floor = metrics.noise_floor(metrics.energy_distance, draw(77, 400, 2), n=50, m=50, repeats=200,
                                generator=torch.Generator().manual_seed(0))  # fmt: skip
    error = math.hypot(fresh.std() / math.sqrt(200), floor.sd / math.sqrt(200))
    # The 200 splits share 400 points, whose own E|X - X'| is off by about 3 %: 6 standard errors and that.
    assert abs(fresh.mean() - floor.mean) < 6 * error + 0.1 * floor.mean


def test_two_values_are_enough_for_a_floor_and_one_example_for_a_value():
    x, g = torch.arange(10.0)[:, None], torch.Generator().manual_seed(0)
    for floor in (
        metrics.noise_floor(metrics.energy_distance, x, n=3, m=6, repeats=2, generator=g),
        metrics.bootstrap_floor(metrics.energy_distance, x, 3, 6, repeats=2, generator=g),
        metrics.noise_floor(lambda a, b: (a - b).sum(), x, n=1, m=1, repeats=2, generator=g),
        metrics.bootstrap_floor(lambda a, b: (a - b).sum(), x, 1, 1, repeats=2, generator=g),
        metrics.mode_floor(torch.tensor([0.5, 0.5]), 1, repeats=2, generator=g),
    ):
        assert floor.values.shape == (2,)
        assert math.isfinite(floor.sd)


def test_a_p_value_counts_the_values_beyond():
    floor = metrics.Floor(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert [floor.p_value(v) for v in (0.0, 2.5, 4.0, 9.0)] == [1.0, 0.6, 0.4, 0.2]
    assert (floor.mean, floor.sd) == (2.5, pytest.approx(math.sqrt(5 / 3)))


X, W = torch.zeros(4, 2), torch.tensor([0.5, 0.5])
WRONG = [
    (lambda: metrics.energy_distance(X, torch.zeros(4, 3)), "alike"),
    (lambda: metrics.energy_distance(torch.zeros(4), X), "points on a line"),
    (lambda: metrics.energy_distance(X[:0], X), "N >= 1"),
    (lambda: metrics.energy_distance(X, X + math.nan), "not finite"),
    (lambda: metrics.sliced_wasserstein(X, X, n_directions=0), "at least one"),
    (lambda: metrics.sliced_wasserstein(X, X, directions=torch.zeros(2, 2)), "nowhere"),
    (lambda: metrics.sliced_wasserstein(X, X, directions=torch.ones(2, 3)), "pass"),
    (lambda: metrics.wasserstein_1d(X, X), "takes"),
    (lambda: metrics.frechet_distance(X[:1], X), "N >= 2"),
    (lambda: metrics.frechet_gaussian(X[0], -torch.eye(2), X[0], torch.eye(2)), "negative eigenvalues"),
    (lambda: metrics.frechet_gaussian(X[0], torch.eye(3), X[0], torch.eye(2)), "shapes"),
    (lambda: metrics.coverage(X, X, k=4), "1 <= k < N"),
    (lambda: metrics.expected_coverage(3, 3, 3), "needed"),
    (lambda: metrics.mode_error(X, X, torch.ones(4)), "probabilities"),
    (lambda: metrics.mode_error(X, X, W), "one per mode"),
    (lambda: metrics.mode_floor(W, 0), "at least 1"),
    (lambda: metrics.noise_floor(metrics.energy_distance, X, n=3, m=2), "n . m <= 4"),
    (lambda: metrics.noise_floor(metrics.energy_distance, X, n=0, m=2), "n = 0"),
    (lambda: metrics.bootstrap_floor(metrics.energy_distance, X, 0, 2), "at least 1"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_wrong_input_is_named(call, words):
    with pytest.raises((RangeError, ShapeError), match=words):
        call()


sizes = st.lists(st.integers(0, 5), max_size=3)
ALL = [*DISTANCES.values(), metrics.frechet_distance, metrics.wasserstein_1d, metrics.mode_weights]


@given(st.sampled_from(ALL), sizes, sizes)
def test_any_shapes_give_a_finite_answer_or_an_error_of_ours(metric, n, m):
    try:
        found = metric(torch.ones(n), torch.zeros(m))
    except DiffkitError:
        return
    assert bool(torch.isfinite(found).all())
    assert list(n[1:]) == list(m[1:])
