"""What a network is trained on: targets, noise, times, labels."""

import math

import pytest
import torch
from torch import nn

from diffkit import data, nets, schedule, train
from diffkit.errors import RangeError
from tests.training_runs import POINTS, S, run


@pytest.mark.parametrize("target", ["eps", "x0", "v"])
def test_the_exact_predictor_of_a_single_point_has_no_loss(target):
    # All data are one point c, so x_t tells the noise: eps = (x_t - alpha c) / sigma.
    s, c = schedule.linear(20, 0.01, 0.3), torch.tensor([0.7, -0.4], dtype=torch.float64)

    class Exact(nn.Module):
        def forward(self, x, t):
            a, sd = s.at(s.alpha_bar.sqrt(), t, x), s.at(s.noise_var.sqrt(), t, x)
            eps = (x - a * c) / sd
            return {"eps": eps, "x0": c.expand_as(x), "v": a * eps - sd * c}[target]

    loss = train.prediction(s, c.expand(5, 2), 64, target=target)(Exact(), torch.Generator().manual_seed(0))
    assert loss.shape == ()
    assert loss < 1e-20


def test_rows_labels_and_times_are_drawn_together_and_evenly():
    x, y, seen = torch.arange(4.0)[:, None], torch.arange(4), []

    class Spy(nn.Module):
        def forward(self, x_t, t, label):
            seen.append((t, label))
            return x_t * 0

    loss = train.prediction(S, x, 20000, target="x0", y=y)(Spy(), torch.Generator().manual_seed(0))
    ((t, label),) = seen
    torch.testing.assert_close(loss, (label.float() ** 2).mean())  # against 0 it is x_0^2, and x_0 is the label
    assert sorted(set(t.tolist())) == list(range(1, S.T + 1))
    for counts in (torch.bincount(t)[1:], torch.bincount(label)):
        p = 1 / len(counts)
        assert (counts / 20000 - p).abs().max() < 6 * math.sqrt(p * (1 - p) / 20000)  # error rate below 1e-7


class Seen(nn.Module):
    """A network that keeps what it is asked."""

    def forward(self, x, t=None):
        self.x, self.t = x, t
        return torch.zeros(len(x), 3, requires_grad=True) if x.ndim > 2 else x * 0


def test_every_example_gets_standard_normal_noise_of_its_own():
    net, n = Seen(), 20000
    train.prediction(S, torch.zeros(5, 2), n)(net, torch.Generator().manual_seed(0))
    noise = (net.x / S.at(S.noise_var.sqrt(), net.t, net.x)).double()  # the data are 0
    assert len(noise.unique(dim=0)) == n
    # 6 standard errors each: error rate below 1e-7.
    assert noise.mean(0).abs().max() < 6 / math.sqrt(n)
    assert (noise.var(0) - 1).abs().max() < 6 * math.sqrt(2 / n)
    assert abs((noise[:, 0] * noise[:, 1]).mean()) < 6 / math.sqrt(n)


def test_a_noise_aware_classifier_sees_every_level_from_clean_to_noise():
    net, n = Seen(), 20000
    loss = train.classification(torch.ones(4, 1, 2), torch.tensor([0, 1, 2, 0]), n, S)
    value = loss(net, torch.Generator().manual_seed(0))
    torch.testing.assert_close(value, torch.full((n,), math.log(3)))  # it is asked for 3 classes and says nothing
    assert sorted(set(net.t.tolist())) == list(range(S.T + 1))
    for t in (0, 1, S.T):
        x = net.x[net.t == t].double()
        a, var = S.alpha_bar[t].sqrt(), S.noise_var[t]
        assert abs(x.mean() - a) <= 6 * math.sqrt(var / x.numel()) + 1e-6  # error rate below 1e-8
        assert abs(x.var() - var) <= 6 * var * math.sqrt(2 / x.numel()) + 1e-6


def test_labels_are_changed_before_they_reach_the_network():
    state = train.start(nets.Mlp(2, width=8, classes=2))
    y = torch.zeros(len(POINTS), dtype=torch.long)
    loss = train.prediction(S, POINTS, 8, y=y, change=lambda y, g: nets.drop_labels(y, 2, 1.0, generator=g))
    run(state, 2, loss)
    before = nets.Mlp(2, width=8, classes=2)
    assert state.net.label.table.weight.grad[:2].abs().max() == 0
    assert state.net.label.table.weight.grad[2].abs().max() > 0
    assert before.label.null == 2


def test_a_change_of_labels_that_are_not_there_is_refused():
    with pytest.raises(RangeError, match="pass y"):
        train.prediction(S, POINTS, 8, change=lambda y, g: y)


def test_a_classifier_learns_digits_clean_and_noisy():
    images, labels = data.digits()
    torch.manual_seed(0)
    state = train.start(nets.Classifier(channels=8, width=32), lr=5e-3)
    run(state, 150, train.classification(images[:1200], labels[:1200], 64))
    with torch.no_grad():
        right = (state.ema(images[1200:]).argmax(1) == labels[1200:]).double().mean()
    assert right > 0.8  # guessing gives 0.1
    loss = train.classification(images, labels, 8, S)(state.net, torch.Generator().manual_seed(0))
    assert loss.shape == (8,)
