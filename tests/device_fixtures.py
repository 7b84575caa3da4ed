"""The devices beside the CPU that a claim is tried on: a real GPU where there is one, and always the stand-in.

A test file gets them by `pytest_plugins = ["tests.device_fixtures"]`.
"""

from collections.abc import Iterator

import pytest
import torch

from tests.other_device import other_device


@pytest.fixture(params=["cuda", "stand-in"])
def device(request) -> Iterator[torch.device]:
    if request.param == "cuda":
        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")
        yield torch.device("cuda", 0)
        return
    with other_device() as place:
        yield place
