"""Weights in one piece: the network does not notice, and the average still follows every weight."""

import pytest
import torch
from torch import nn

from diffkit import nets, train
from diffkit.train.flat import lay_end_to_end


class Tied(nn.Module):
    """Two layers with the same matrix, and one of another precision."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.fine = nn.Linear(3, 1, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fine(self.second(self.first(x)).double())


@pytest.mark.parametrize("make", [lambda: nets.Mlp(2, width=5), Tied, lambda: nn.Conv2d(3, 5, 3)])
def test_laying_weights_end_to_end_changes_neither_values_nor_objects(make):
    net = make()
    before = {name: (p, p.detach().clone()) for name, p in net.named_parameters()}
    wholes = lay_end_to_end(net)
    assert [name for name, _ in net.named_parameters()] == list(before)
    for name, p in net.named_parameters():
        assert p is before[name][0]
        assert torch.equal(p, before[name][1])
        assert p.is_contiguous()
    # All weights, each once, and nothing else but padding.
    assert sum(int((whole != 0).sum()) for whole in wholes) == sum(int((p != 0).sum()) for p in net.parameters())
    for whole in wholes:
        whole.fill_(2.0)
    assert all(bool((p == 2).all()) for p in net.parameters())


def test_tied_weights_stay_tied_and_precisions_stay_apart():
    net = Tied()
    wholes = lay_end_to_end(net)
    assert [whole.dtype for whole in wholes] == [torch.float32, torch.float64]
    assert net.first.weight is net.second.weight


def test_the_average_of_every_weight_follows_the_network_after_loading_too(tmp_path):
    torch.manual_seed(0)
    state, other = train.start(Tied(), ema_decay=0.0), train.start(Tied(), ema_decay=0.0)
    train.save(other, tmp_path / "a")
    train.load(state, tmp_path / "a")
    loss = lambda net, g: net(torch.randn(4, 3, generator=g)).square().sum(1)  # noqa: E731
    for _ in train.train(state, loss, steps=2):
        pass
    # With decay 0 the average is the network itself.
    for (name, averaged), p in zip(state.ema.named_parameters(), state.net.parameters(), strict=True):
        torch.testing.assert_close(averaged, p.detach(), rtol=0, atol=0, msg=name)
        assert averaged.data_ptr() != p.data_ptr()
    assert not torch.equal(state.net.first.bias, other.net.first.bias)


def test_a_loaded_network_keeps_its_own_buffers(tmp_path):
    """In a file of a network and an average whose buffers differ, the network's count: it goes on learning."""
    state = train.start(nn.BatchNorm1d(2))
    state.ema.running_mean = torch.full((2,), 5.0)  # as if averaged long ago
    train.save(state, tmp_path / "a")
    fresh = train.start(nn.BatchNorm1d(2))
    train.load(fresh, tmp_path / "a")
    assert torch.equal(fresh.net.running_mean, torch.zeros(2))
