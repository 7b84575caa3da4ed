"""Settings for all tests: one torch thread, so that two test processes do not fight over two cores."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)

# The tests pass exercises, here and in kernels: that is not the progress of whoever runs them.
PROGRESS = Path(tempfile.mkdtemp(prefix="diffkit-tests-"))
atexit.register(shutil.rmtree, PROGRESS, ignore_errors=True)
os.environ["DIFFKIT_PROGRESS"] = str(PROGRESS / "progress.json")


@pytest.fixture
def g():
    """A torch generator with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def bubblewrap():
    """Skips where student code cannot be walled in."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
