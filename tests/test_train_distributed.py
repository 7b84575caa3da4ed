"""Several processes train as one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from diffkit import train
from diffkit.errors import DataError
from tests.training_runs import run

ROOT = Path(__file__).resolve().parents[1]


SCRIPT = """
import sys, torch
from diffkit import train
torch.set_num_threads(1)
x = torch.arange(24.0, dtype=torch.float64).reshape(8, 3).sin()
def begin():
    torch.manual_seed(3)
    return train.start(torch.nn.Linear(3, 1).double(), optimizer=lambda p: torch.optim.SGD(p, 0.1, momentum=0.9))
with train.distributed() as rank:
    def loss(model, g):
        torch.rand(1, generator=g)
        return (model(x[rank::2]).squeeze(1) - 1) ** 2
    first, second = begin(), begin()
    for step in train.train(first, loss, steps=3):
        pass
    train.save(first, sys.argv[1])
    train.load(second, sys.argv[1])
    for step in train.train(second, loss, steps=6):
        pass
    train.save(second, sys.argv[2])
"""


def reference(steps):
    """The same training in one process with both halves in one batch."""
    torch.manual_seed(3)
    net = nn.Linear(3, 1).double()
    x = torch.arange(24.0, dtype=torch.float64).reshape(8, 3).sin()
    state = train.start(net, optimizer=lambda p: torch.optim.SGD(p, 0.1, momentum=0.9))
    run(state, steps, lambda net, g: (net(x).squeeze(1) - 1) ** 2)
    return state


def test_a_process_that_is_alone_is_the_first():
    with train.distributed() as rank:
        assert rank == 0


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this torch has no gloo")
def test_two_processes_train_as_one_with_twice_the_batch_and_resume(tmp_path):
    from safetensors.torch import load_file

    script, outs = tmp_path / "script.py", [tmp_path / "3", tmp_path / "6"]
    script.write_text(SCRIPT, encoding="utf-8")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, *map(str, outs)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for steps, out in zip((3, 6), outs, strict=True):
        saved, wanted = load_file(out), reference(steps)
        for part, net in (("ema", wanted.ema), ("net", wanted.net)):
            for name, value in net.state_dict().items():
                torch.testing.assert_close(saved[f"{part}.{name}"], value, rtol=1e-12, atol=1e-12)
        assert not torch.equal(saved["generator.0"], saved["generator.1"])  # each draws on its own
    with pytest.raises(DataError, match="2 processes, here are 1"):
        train.load(wanted, out)
