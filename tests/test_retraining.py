"""The cells that train a lesson's network anew, run with the switch on, for few steps and stopped."""

import contextlib
import gzip
import io
import re
import signal

import pytest
import torch

from diffkit import data, train
from tests.lesson_slice import code_cells, slice_to

ONE_CELL = {"05_ddpm": "ddpm_digits", "11_controllable_generation": "conditional_digits"}
SWITCH = "RETRAIN = False"
# The lesson also trains a classifier before: not now.
QUICK = {"05_ddpm": (), "11_controllable_generation": ((r"short\), steps=500", "short), steps=1"),)}


def run(lesson, target, *changes):
    """The names, pictures and words that the lesson's cells up to the target leave behind, with their text changed."""
    text, shown, said = "\n".join(slice_to(code_cells(lesson), target)), [], io.StringIO()
    for old, new in changes:
        text, n = re.subn(old, new, text)
        assert n, f"the lesson no longer says {old}"
    names = {"display": shown.append, "__name__": "a_lesson"}
    with contextlib.redirect_stdout(said):
        exec(compile(text, lesson, "exec"), names)  # noqa: S102  the lesson's own cells
    return names, shown, said.getvalue()


@pytest.mark.parametrize("lesson", ONE_CELL)
def test_one_cell_trains_anew_and_may_be_stopped(lesson, monkeypatch):
    draws, draw = [], train.minibatch

    def draw_and_press(*args):
        draws.append(args)
        if len(draws) == 3:
            signal.raise_signal(signal.SIGINT)
        return draw(*args)

    monkeypatch.setattr(train, "minibatch", draw_and_press)
    names, _, said = run(lesson, SWITCH, (SWITCH, "RETRAIN = True"), *QUICK[lesson])
    assert names["state"].step == 3
    assert re.search(r"3/[45]000", said)  # the bar
    assert names["network"] is names["state"].ema is not names["kept"]
    kept = data.data_folder() / f"{ONE_CELL[lesson]}.safetensors"
    train.load_weights(names["network"], kept)  # the same network as the one that lies in data/


def test_autoencoder_and_chain_are_trained_anew_by_two_cells():
    few = (SWITCH, "RETRAIN = True"), (r"count = \d+ if", "count = 3 if")
    names, _, _ = run("12_latent_diffusion", "prior = state.ema", *few)
    assert names["prior"] is names["state"].ema
    assert names["autoencoder"] is not names["kept"]["autoencoder"]
    both = torch.nn.ModuleDict({"autoencoder": names["autoencoder"], "prior": names["prior"]})
    train.load_weights(both, data.data_folder() / "latent_digits.safetensors")


def write_idx(path, array):
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    path.write_bytes(gzip.compress(bytes([0, 0, 8, array.ndim]) + shape + array.numpy().tobytes()))


def test_larger_images_are_read_encoded_and_drawn(tmp_path):
    g = torch.Generator().manual_seed(0)
    write_idx(
        tmp_path / "t10k-images-idx3-ubyte.gz", torch.randint(256, (1100, 28, 28), generator=g, dtype=torch.uint8)
    )
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", torch.randint(10, (1100,), generator=g, dtype=torch.uint8))
    few = (
        (r"steps=(1500|3000)", "steps=2"),
        ("randn\\(100, 2, 8, 8", "randn(20, 2, 8, 8"),
        (r"linear\(200,", "linear(5,"),
    )
    here = "FOLDER = None", f"FOLDER = {str(tmp_path)!r}"
    off = (r"else (60|200)\n", "else 2\n")
    names, shown, _ = run("12_latent_diffusion", "FOLDER = None", here, off, *few)
    assert names["large"].shape == (100, 1, 32, 32)
    assert names["drawn_w"].shape == (20, 1, 32, 32)
    assert names["drawn_w"].abs().max() <= 1
    assert len(shown) == 1
