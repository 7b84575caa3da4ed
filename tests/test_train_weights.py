"""Weights alone: what is loaded is what was saved, to 16 bits, and a wrong file changes nothing."""

import pytest
import torch
from safetensors.torch import save_file

from diffkit import data, nets, train
from diffkit.errors import DataError


def net(width=8, seed=0, depth=1):
    torch.manual_seed(seed)
    made = nets.Mlp(2, width=width, depth=depth)
    with torch.no_grad():
        for p in made.parameters():
            p.normal_()
    return made


def test_weights_come_back_rounded_to_16_bits(tmp_path):
    saved, loaded = net(), net(seed=1)
    train.save_weights(saved, tmp_path / "w.safetensors")
    train.load_weights(loaded, tmp_path / "w.safetensors")
    for name, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().to(value)), name


def test_a_network_in_float64_stays_in_float64(tmp_path):
    train.save_weights(net(), tmp_path / "w.safetensors")
    wide = net(seed=1).double()
    train.load_weights(wide, tmp_path / "w.safetensors")
    assert all(p.dtype == torch.float64 for p in wide.parameters())


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    bad = net()
    with torch.no_grad():
        next(bad.parameters()).fill_(1e6)  # finite, but not in 16 bits
    with pytest.raises(DataError, match="not finite"):
        train.save_weights(bad, tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_weights_that_are_shared_are_saved(tmp_path, dtype):
    saved = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)).to(dtype)
    saved[1].weight = saved[0].weight
    train.save_weights(saved, tmp_path / "w.safetensors")
    loaded = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    train.load_weights(loaded, tmp_path / "w.safetensors")
    assert torch.equal(loaded[0].weight, loaded[1].weight)
    assert torch.equal(loaded[0].weight, saved[0].weight.half().float())


def write_cut(path):
    train.save_weights(net(), path)
    path.write_bytes(path.read_bytes()[:-100])


def write_without_the_last_part(path):
    part = net()
    delattr(part, list(part._modules)[-1])
    train.save_weights(part, path)


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: None, "there are no weights"),
        (write_cut, "cut or damaged"),
        (lambda path: save_file({"a": torch.zeros(1)}, path), "holds no weights"),
        (lambda path: train.save_weights(net(width=16), path), "this network has"),
        (lambda path: train.save_weights(net(depth=2), path), "this network has no such weight"),
        (write_without_the_last_part, "is missing, this network has"),
        (lambda path: train.save(train.start(net()), path), "holds no weights"),
    ],
)
def test_a_wrong_file_is_refused_and_changes_nothing(tmp_path, write, says):
    path, target = tmp_path / "w.safetensors", net(seed=2)
    before = [p.clone() for p in target.parameters()]
    write(path)
    with pytest.raises(DataError, match=says):
        train.load_weights(target, path)
    assert all(torch.equal(a, b) for a, b in zip(before, target.parameters(), strict=True))


def test_the_kept_digit_network_knows_more_than_nothing():
    """It fits the compact U-Net, and predicts the noise in real digits far better than 0, which would score 1."""
    from diffkit.losses import simple
    from diffkit.schedule import linear

    unet = nets.UNet()
    train.load_weights(unet, data.data_folder() / "ddpm_digits.safetensors")
    images = data.digits().images[:64]
    t = torch.arange(1, 65) * 3
    with torch.no_grad():
        loss = simple(unet, linear(200, 5e-4, 0.1), images, t, generator=torch.Generator().manual_seed(0))
    assert float(loss.mean()) / 64 < 0.15
