"""The numbers of the flow explorer, its errors and its words.  Its keys are tested in tests/browser."""

import nbformat
import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter

from diffkit import data
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers import flow_paths
from diffkit.explorers.flow_paths import COARSE, COUNTS, FINE, PATHS, REACH, SOLVERS, STEPS, overtakings
from diffkit.likelihood import log_likelihood
from diffkit.samplers import rk4
from diffkit.sde import VE, VP


@pytest.fixture
def explorer():
    return flow_paths()


def table(sent, *shape):
    return torch.from_numpy(np.frombuffer(sent, "<f4").astype("f8")).reshape(shape)


def test_the_browser_gets_the_exact_log_density_at_every_time(explorer):
    sent = table(explorer.exact, STEPS + 1, FINE)
    x = torch.linspace(-REACH, REACH, FINE, dtype=torch.float64).unsqueeze(1)
    for k in (0, 20, STEPS):
        level = data.bumps().noised(*(float(v) for v in VP().marginal(k / STEPS)))
        torch.testing.assert_close(sent[k], level.log_prob(x), rtol=1e-5, atol=1e-4)


def test_both_bundles_begin_in_the_same_noise(explorer):
    noisy, smooth = table(explorer.noisy, PATHS, STEPS + 1), table(explorer.smooth, PATHS, explorer.n + 1)
    assert torch.equal(noisy[:, -1], smooth[:, -1])
    assert not torch.allclose(noisy[:, 0], smooth[:, 0])


def test_flow_paths_never_overtake_and_shaken_ones_do(explorer):
    explorer.n = 64
    assert float(overtakings(explorer.gliding).max()) == 0
    assert float(table(explorer.overtaken, STEPS + 1)[0]) > 50
    assert float(overtakings(torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]]))[0]) == 1


def test_without_noise_the_sde_is_the_flow(explorer):
    """Both by Euler's steps at the same times, so the same to rounding."""
    explorer.lam, explorer.solver, explorer.n = 0.0, "Euler", 64
    torch.testing.assert_close(explorer.shaken, explorer.gliding, rtol=1e-10, atol=1e-10)


def test_the_map_is_the_library_s_likelihood_from_every_time(explorer):
    explorer.solver, explorer.n = "Runge-Kutta", 16
    sde, mixture = VP(), data.bumps()
    for j in (0, 5, 15):
        times = torch.linspace(0, 1, 17, dtype=torch.float64)[j:]
        found = log_likelihood(
            lambda x, t: mixture.score(x, *sde.marginal(t)),
            sde,
            explorer.places.unsqueeze(1),
            times,
            prior=lambda z: mixture.log_prob(z, *sde.marginal(1.0)),
            step=rk4,
        )
        torch.testing.assert_close(explorer.computed[j], found.log_prob, rtol=1e-9, atol=1e-9)


def test_more_steps_and_a_higher_order_bring_the_likelihood_nearer(explorer):
    worst = {}
    for solver in SOLVERS:
        explorer.solver = solver
        for n in (16, 64):
            explorer.n = n
            worst[solver, n] = float(table(explorer.errors, n + 1).max())
    assert all(worst[s, 64] < worst[s, 16] / 2 for s in SOLVERS)
    assert worst["Runge-Kutta", 64] < worst["Heun", 64] < worst["Euler", 64]
    assert worst["Runge-Kutta", 64] < 0.01


def test_new_noise_moves_both_bundles_and_not_the_map(explorer):
    before = explorer.noisy, explorer.smooth, explorer.map
    explorer.draws += 1
    assert [a != b for a, b in zip(before, (explorer.noisy, explorer.smooth, explorer.map), strict=True)] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(("name", "value"), [("lam", -0.1), ("lam", 3.0), ("solver", "magic"), ("n", 5)])
def test_a_refused_setting_is_named_and_the_last_picture_kept(explorer, name, value):
    before = explorer.noisy, explorer.smooth, explorer.map
    setattr(explorer, name, value)
    assert name in explorer.error
    assert before == (explorer.noisy, explorer.smooth, explorer.map)
    assert "lambda = 1 and by the flow in 16 steps of Heun" in explorer.picture().alt
    setattr(explorer, name, {"lam": 0.5, "solver": "Euler", "n": COUNTS[0]}[name])
    assert explorer.error == ""


def test_a_refused_setting_does_not_hold_up_the_others(explorer):
    explorer.lam = 5.0
    explorer.solver, explorer.n = "Euler", 8
    explorer.lam = 1.0
    fresh = flow_paths()
    fresh.solver, fresh.n = "Euler", 8
    assert (explorer.smooth, explorer.map, explorer.error) == (fresh.smooth, fresh.map, "")


def test_what_cannot_be_shown_is_refused_with_advice(explorer):
    with pytest.raises(RangeError, match="k runs from 0"):
        explorer.k = STEPS + 1
    with pytest.raises(ShapeError, match="a mixture on the line"):
        flow_paths(data.ring_mixture())
    with pytest.raises(RangeError, match="pass a VP or sub-VP"):
        flow_paths(sde=VE())


def test_all_that_travels_is_small(explorer):
    explorer.n = 64
    sent = (explorer.exact, explorer.noisy, explorer.smooth, explorer.map, explorer.errors, explorer.overtaken)
    assert sum(map(len, sent)) < 100_000
    assert len(explorer.map) == 4 * 65 * COARSE


def test_where_nothing_runs_a_picture_with_words_stands_in(explorer):
    explorer.k = 20
    data_of, metadata = explorer._repr_mimebundle_()
    words = data_of["text/plain"]
    assert f"{PATHS} paths from the same noise back to t = 0.31" in words
    output = nbformat.v4.new_output("display_data", data_of, metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("explorer", outputs=[output])])
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "data:image/png;base64," + data_of["image/png"] in html
