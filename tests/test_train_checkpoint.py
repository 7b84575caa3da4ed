"""Checkpoints: a resumed run is the uninterrupted one to the bit, and a damaged file changes nothing."""

import copy
import math
import os

import pytest
import torch
from torch import nn

from diffkit import nets, train
from diffkit.errors import DataError
from tests.training_runs import equal, everything, fresh, run

OPTIMIZERS = {
    "fused adam": None,
    "adamw, two groups": lambda p: torch.optim.AdamW([{"params": p[:2], "lr": 1e-2}, {"params": p[2:]}], lr=1e-3),
    "sgd with momentum": lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 1e-3, centered=True),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(optimizer, tmp_path):
    whole, first, second = (fresh(seed, optimizer=optimizer) for seed in (0, 0, 5))
    losses = run(whole, 9)
    run(first, 4)
    train.save(first, tmp_path / "a.safetensors")
    run(second, 2)  # whatever it did before is forgotten
    train.load(second, tmp_path / "a.safetensors")
    assert equal(first, second)
    assert torch.equal(torch.stack(run(second, 5)), torch.stack(losses[4:]))
    assert equal(whole, second)


def test_a_resumed_run_keeps_the_learning_rate_and_the_average_that_were_set(tmp_path):
    first, second = fresh(lr=1e-2, ema_decay=0.9, ema_every=4), fresh(lr=1.0)
    train.save(first, tmp_path / "a")
    train.load(second, tmp_path / "a")
    assert second.optimizer.param_groups[0]["lr"] == 1e-2
    assert (second.ema_decay, second.ema_every) == (0.9, 4)


def test_tied_weights_are_saved(tmp_path):
    def tied():
        net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
        net[1].weight = net[0].weight
        return train.start(net)

    a, b = tied(), tied()
    run(a, 3, lambda net, g: net(torch.randn(4, 2, generator=g)).square().sum(1))
    train.save(a, tmp_path / "a")
    train.load(b, tmp_path / "a")
    assert equal(a, b)


def test_a_cut_checkpoint_is_refused_at_every_length_and_changes_nothing(tmp_path):
    path, state = tmp_path / "a.safetensors", fresh()
    run(state, 2)
    train.save(state, path)
    content = path.read_bytes()
    other = fresh(seed=9)
    before = copy.deepcopy(everything(other))
    for size in [0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match="cut or damaged"):
            train.load(other, path)
    after = everything(other)
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_a_checkpoint_of_something_else_is_refused_and_changes_nothing(tmp_path):
    path, state = tmp_path / "a", fresh()
    run(state, 1)
    train.save(state, path)
    wide, conditional = (train.start(nets.Mlp(2, **kw)) for kw in ({"width": 8}, {"width": 16, "classes": 3}))
    deep = train.start(nets.Mlp(2, width=16, depth=2))
    shallow = train.start(nets.Mlp(2, width=16, depth=1).to(torch.float64))
    for target in (wide, conditional, deep, shallow):
        before = copy.deepcopy(everything(target))
        with pytest.raises(DataError, match="this network"):
            train.load(target, path)
        assert all(torch.equal(before[k], v) for k, v in everything(target).items())
    train.save(deep, path)
    with pytest.raises(DataError, match="lacks"):
        train.load(state, path)


def test_a_checkpoint_of_another_optimizer_is_refused(tmp_path):
    state = fresh(optimizer=lambda p: torch.optim.SGD(p, 0.1))
    train.save(state, tmp_path / "a")
    with pytest.raises(DataError, match="another optimizer"):
        train.load(fresh(), tmp_path / "a")


def test_a_missing_file_a_missing_folder_and_a_foreign_file_are_named(tmp_path):
    from safetensors.torch import save_file

    state = fresh()
    with pytest.raises(DataError, match="no checkpoint"):
        train.load(state, tmp_path / "nothing")
    with pytest.raises(DataError, match="is the folder there"):
        train.save(state, tmp_path / "no" / "folder")
    save_file({"x": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(DataError, match="not a training state"):
        train.load(state, tmp_path / "foreign")


def test_a_write_that_fails_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path, state = tmp_path / "a", fresh()
    train.save(state, path)
    old = path.read_bytes()
    run(state, 1)

    def full(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="no space left"):
        train.save(state, path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_is_renamed_into_place_and_never_written_over(tmp_path):
    path, state = tmp_path / "a", fresh()
    train.save(state, path)
    os.link(path, tmp_path / "old")  # another name of the same file: it would change with it
    old = path.read_bytes()
    run(state, 1)
    train.save(state, path)
    assert (tmp_path / "old").read_bytes() == old != path.read_bytes()


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    state = fresh()
    with torch.no_grad():
        next(state.net.parameters()).fill_(math.nan)
    with pytest.raises(DataError, match="diverged"):
        train.save(state, tmp_path / "a")
    assert not (tmp_path / "a").exists()
