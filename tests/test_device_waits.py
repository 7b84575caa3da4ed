"""Where the CPU waits for the device: never once per step, unless the algorithm asks for it.

Each wait empties the queue of a GPU, which then idles until Python has filled it again.  So the number of waits may
depend on what is set up, but not on how many steps follow.
"""

from collections import deque

import pytest

from tests.on_device import Place, bounds, learning, sampling
from tests.other_device import counted, other_device

RUNS = sampling.RUNS | bounds.RUNS | {"train": learning.steps}
# The error of a substep decides how long the next one is: Python has to know it.
ASKS_AT_EVERY_STEP = {"adaptive"}


def waits(name: str, n: int) -> list[str]:
    with other_device() as device, counted() as seen:
        run = RUNS[name](Place(device), n)
        if hasattr(run, "__next__"):
            deque(run, maxlen=0)
    return list(seen)


@pytest.mark.parametrize("name", RUNS)
def test_more_steps_are_not_more_waits(name):
    few, many = waits(name, 5), waits(name, 10)
    if name in ASKS_AT_EVERY_STEP:
        assert len(few) < len(many)
    else:
        assert few == many
