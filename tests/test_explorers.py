"""The explorers' numbers, errors and static twins.  What they look like is tested in tests/browser."""

import math
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbconvert import HTMLExporter

from diffkit import data, explorers, plots
from diffkit.errors import RangeError, ShapeError
from diffkit.explorers import dag_editor, forward_process, schedule_designer
from diffkit.forward import kl_to_prior, q_sample
from diffkit.oracle import GaussianMixture
from diffkit.schedule import cosine, linear

T = 50
LIVE = "application/vnd.jupyter.widget-view+json"
SCRIPTS = sorted(Path(explorers.__file__).parent.glob("*.js"))


@pytest.fixture
def digit():
    return data.digits().images[0]


@pytest.fixture
def explorer(digit):
    return forward_process(cosine(T), data.bumps(), digit, generator=torch.Generator().manual_seed(3))


def table(sent, dtype, *shape):
    return torch.from_numpy(np.frombuffer(sent, dtype).astype("f8")).reshape(shape)


def sent_densities(explorer):
    unit = explorer.density_top / 65535
    density = table(explorer.density, "<u2", T + 1, explorer.grid_size) * unit
    components = table(explorer.components, "<u2", -1, T + 1, explorer.grid_size) * unit
    return density, components, unit


def test_the_browser_gets_the_exact_density_at_every_t(explorer):
    density, _, unit = sent_densities(explorer)
    schedule, (low, high) = cosine(T), explorer.x_range
    x = torch.linspace(low, high, explorer.grid_size, dtype=torch.float64)
    for t in range(T + 1):
        level = float(schedule.alpha_bar[t].sqrt()), float(schedule.noise_var[t].sqrt())
        exact = data.bumps().noised(*level).log_prob(x.unsqueeze(1)).exp()
        assert float((density[t] - exact).abs().max()) <= 0.5001 * unit  # rounded to the nearest count


def test_the_components_sum_to_the_density(explorer):
    density, components, unit = sent_densities(explorer)
    assert len(components) == 3
    assert float((components.sum(0) - density).abs().max()) <= 0.5001 * unit * (3 + 1)


def test_the_frames_are_one_digit_and_one_noise_at_every_t(explorer, digit):
    noise = torch.randn(8, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    black, white = plots.GRAY_RANGE
    frames = table(explorer.frames, "u1", T + 1, 8, 8) / 255 * (white - black) + black
    for t in range(T + 1):
        exact = q_sample(cosine(T), digit.double(), t, noise=noise)[0].clamp(black, white)
        assert float((frames[t] - exact).abs().max()) <= 0.5001 * (white - black) / 255


def test_the_readouts_are_the_librarys_and_infinite_where_there_is_no_noise(explorer, digit):
    alpha_bar, snr, kl = table(explorer.tables, "<f8", 3, T + 1)
    schedule = cosine(T)
    assert torch.equal(alpha_bar, schedule.alpha_bar)
    assert torch.equal(snr[1:], schedule.snr[1:])
    assert float(snr[0]) == float(kl[0]) == math.inf
    for t in (1, T):
        assert float(kl[t]) == pytest.approx(float(kl_to_prior(schedule, digit.double(), t)), rel=1e-12)


def test_new_noise_changes_every_frame_but_the_clean_one(explorer):
    before = table(explorer.frames, "u1", T + 1, 64)
    explorer.draws += 1
    after = table(explorer.frames, "u1", T + 1, 64)
    assert [bool((a != b).any()) for a, b in zip(before, after, strict=True)] == [False] + [True] * T


def test_the_same_generator_draws_the_same_noise():
    first, again = (forward_process(linear(5), generator=torch.Generator().manual_seed(1)) for _ in range(2))
    assert first.frames == again.frames


def test_a_t_outside_the_schedule_is_refused_and_changes_nothing(explorer):
    before = explorer.t
    with pytest.raises(RangeError, match=f"t = 0..{T}"):
        explorer.t = T + 1
    assert explorer.t == before


def test_a_thousand_steps_stay_small_enough_to_send():
    explorer = forward_process()
    size = sum(len(part) for part in (explorer.density, explorer.components, explorer.tables, explorer.frames))
    assert explorer.T == 1000
    assert size < 3_000_000


@pytest.mark.parametrize(
    ("make", "error", "advice"),
    [
        (lambda: forward_process(linear(2001)), RangeError, "pass a schedule of T <= 2000"),
        (lambda: forward_process(mixture=data.ring_mixture()), ShapeError, "a mixture on the line"),
        (lambda: forward_process(digit=torch.zeros(3, 8, 8)), ShapeError, "pass one gray image"),
        (
            lambda: forward_process(
                mixture=GaussianMixture.isotropic(torch.ones(1), torch.zeros(1, 1), torch.zeros(1))
            ),
            RangeError,
            "give it a small variance",
        ),
        (lambda: schedule_designer(0), RangeError, "at least 1"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_advice(make, error, advice):
    with pytest.raises(error, match=advice):
        make()


@pytest.mark.parametrize(
    "make", [lambda: forward_process(linear(T)), schedule_designer, dag_editor, explorers.langevin_particles]
)
def test_where_nothing_runs_a_picture_with_words_stands_in(make):
    data_of, metadata = make()._repr_mimebundle_()
    assert LIVE in data_of
    words = data_of["text/plain"]
    assert len(words) > 80
    output = nbformat.v4.new_output("display_data", data_of, metadata=metadata)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("explorer", outputs=[output])])
    html, _ = HTMLExporter().from_notebook_node(notebook)
    assert "data:image/png;base64," + data_of["image/png"] in html
    assert f'alt="{words[:40]}' in html


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_a_script_is_short_and_loads_nothing_from_elsewhere(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 200
    assert not re.search(r"\bimport\b\s*[\w{(*'\"]|\brequire\(|\bfetch\(", text)
    assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}  # a name, not a place


def test_every_explorer_has_its_script_beside_it():
    folder = Path(explorers.__file__).parent
    names = {file.stem for file in folder.glob("*.py")} - {"__init__"}
    parts = {file.stem for file in SCRIPTS if any(file.stem.startswith(f"{name}_") for name in names)}
    assert names == {file.stem for file in SCRIPTS} - parts
    assert set(explorers.__all__) == names - {"base"}
