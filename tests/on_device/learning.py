"""Networks, training, weights and checkpoints."""

import copy
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from diffkit import nets, train, vae
from tests.on_device import S


def made(p, make, *args, **kw):
    """The same weights at every place."""
    torch.manual_seed(0)
    net = make(*args, **kw).double()
    for w in net.parameters():
        torch.nn.init.normal_(w, std=0.1)
    return net.to(p.device)


def times(p):
    return p(torch.tensor([1, 500, 999]))


def labels(p):
    return p(torch.tensor([0, 2, 3]))


def images(p):
    return p.randn(3, 1, 8, 8)


def mlp(p):
    plain, knowing = made(p, nets.Mlp, 2, width=8), made(p, nets.Mlp, 2, width=8, classes=3)
    waves = made(
        p, nets.Mlp, 2, width=8, embedding=nets.FourierEmbedding(8, generator=torch.Generator().manual_seed(0))
    )
    x, t, y = p.randn(3, 2), times(p), labels(p)
    return [plain(x, t), knowing(x, t, y), knowing(x, t), waves(x, t / 1000)]


def unet(p):
    net = made(p, nets.UNet, 1, (8, 16), classes=3)
    return [net(images(p), times(p), labels(p)), net(images(p), times(p))]


def autoencoder(p):
    net = made(p, nets.AutoEncoder, channels=8)
    code = net.encode(images(p))
    return [net(images(p)), code, net.decode(code.mean)]


def classifier(p):
    net, x = made(p, nets.Classifier, classes=4, channels=8, width=8), images(p)
    return [net(x), net(x, times(p)), net.features(x), net.log_prob(x, labels(p), times(p))]


def log_snr(p):
    net = made(p, nets.LogSnr, width=4)
    return [net(p.randn(5).sigmoid()), net.schedule(6), net.double_copy()]


def embedded(p, make, *args):
    return made(p, make, *args)(times(p))


def vae_net(p):
    net = made(p, vae.Vae, 3, 2, 8)
    return [net(p.randn(4, 3), generator=p.draw()), net.sample(5, generator=p.draw())]


def start(p):
    torch.manual_seed(7)
    return train.start(nets.Mlp(2, width=8, depth=1, classes=3).double(), device=p.device, ema_decay=0.9)


def everything(state):
    return [state.net, state.ema, list(state.optimizer.state_dict()["state"].values())]


def loss_of(p, target="eps"):
    y = p(torch.arange(20) % 3)
    drop = lambda y, g: nets.drop_labels(y, 3, 0.3, generator=g)  # noqa: E731
    return train.prediction(S, p.randn(20, 2), 8, target=target, y=y, change=drop)


def steps(p, n):
    """A short run with everything that may happen at a step."""
    state = start(p)
    for _ in train.train(state, loss_of(p), steps=n, lr=lambda k: 1e-2 / k, clip_norm=0.5):
        pass
    return state


def run(p):
    state = steps(p, 3)
    assert state.device.type == p.device.type
    return everything(state)


def objectives(p):
    state = start(p)
    return [loss_of(p, target)(state.net, p.draw()) for target in ("eps", "x0", "v")]


def classification(p):
    net, x, y = made(p, nets.Classifier, classes=4, channels=8, width=8), images(p), labels(p)
    ways = [
        train.classification(x, y, 4),
        train.classification(x, y, 4, S),
        train.classification(x, y, 4, S.to(p.device)),
    ]
    return [loss(net, p.draw()) for loss in ways]


def resumed(p):
    """Saved, loaded into a new state and gone on with: the numbers of a run that never stopped."""
    before, after, whole = steps(p, 2), start(p), steps(p, 4)
    with tempfile.TemporaryDirectory() as folder:
        train.save(before, Path(folder) / "state")
        train.load(after, Path(folder) / "state")
    for _ in train.train(after, loss_of(p), steps=4, lr=lambda k: 1e-2 / k, clip_norm=0.5):
        pass
    assert all(torch.equal(a, b) for a, b in zip(after.net.parameters(), whole.net.parameters(), strict=True))
    return everything(after)


def weights(p):
    net = made(p, nets.Mlp, 2, width=8)
    other = copy.deepcopy(net)
    with tempfile.TemporaryDirectory() as folder:
        train.save_weights(net, Path(folder) / "weights")
        train.load_weights(other, Path(folder) / "weights")
    return other


def watched(p):
    state = start(p)
    wrapped = train.until_stopped(train.progress(train.train(state, loss_of(p)), 2))
    return [step.loss for step in islice(wrapped, 2)]


CLAIMS: dict[str, Any] = {
    "nets.Mlp": mlp,
    "nets.UNet": unet,
    "nets.AutoEncoder": autoencoder,
    "nets.Classifier": classifier,
    "nets.LogSnr": log_snr,
    "nets.SinusoidalEmbedding": lambda p: embedded(p, nets.SinusoidalEmbedding, 8),
    "nets.FourierEmbedding": lambda p: embedded(p, nets.FourierEmbedding, 8),
    "nets.LabelEmbedding": lambda p: made(p, nets.LabelEmbedding, 3, 8)(labels(p), 3),
    "nets.drop_labels": lambda p: nets.drop_labels(labels(p), 3, 0.5, generator=p.draw()),
    "vae.GaussianNet": lambda p: made(p, vae.GaussianNet, 3, 2, 8)(p.randn(4, 3)),
    "vae.Vae": vae_net,
    "train.start": lambda p: everything(start(p)),
    "train.minibatch": lambda p: train.minibatch(p.draw(), 5, p.randn(9, 2), p(torch.arange(9))),
    "train.prediction": objectives,
    "train.classification": classification,
    "train.train": run,
    "train.save": resumed,
    "train.save_weights": weights,
    "train.progress": watched,
}
