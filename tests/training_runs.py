"""Short runs of training that the tests of it share."""

import torch

from diffkit import data, nets, schedule, train

S = schedule.linear(20, 0.01, 0.3)


POINTS = data.two_moons(200, generator=torch.Generator().manual_seed(0))


def fresh(seed=0, **kw):
    torch.manual_seed(7)
    return train.start(nets.Mlp(2, width=16, depth=1), seed=seed, **kw)


def moons(**kw):
    return train.prediction(S, POINTS, 32, **kw)


def run(state, n, loss=None, **kw):
    return [step.loss for step in train.train(state, loss or moons(), steps=state.step + n, **kw)]


def everything(state):
    """All numbers of a state, by name."""
    out = {f"net.{k}": v for k, v in state.net.state_dict().items()}
    out |= {f"ema.{k}": v for k, v in state.ema.state_dict().items()}
    for i, entries in state.optimizer.state_dict()["state"].items():
        out |= {f"optimizer.{i}.{k}": v for k, v in entries.items()}
    return out | {"generator": state.generator.get_state(), "step": torch.tensor(state.step)}


def equal(a, b):
    a, b = everything(a), everything(b)
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)
