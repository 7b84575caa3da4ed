"""Settings for all tests: one torch thread, so that two test processes do not fight over two cores."""

import os
import shutil

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)


@pytest.fixture
def g():
    """A torch generator with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def bubblewrap():
    """Skips where student code cannot be walled in."""
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
