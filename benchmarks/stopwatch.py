"""What a piece of work costs, with all processes that it starts.

Adding up the times of children does not do here: a process that ends together with its namespace is waited for by
nobody, so its time is lost.  A control group counts everything that was started in it.
"""

import contextlib
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

COUNTING = Path("/sys/fs/cgroup/cpuacct")  # version 1; with version 2 the whole machine is counted


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock, and of all processors together."""

    wall: float
    cpu: float


def who_is_counted() -> str:
    """For the reader of a table."""
    if _can_count():
        return "CPU: of all processes that were started"
    return "CPU: of the whole machine, so keep it quiet"


def spent_by(work: Callable[[], object]) -> Spent:
    """Run it in a process of its own.  Raises RuntimeError if it fails."""
    with tempfile.TemporaryDirectory() as folder, _counter() as (enter, cpu):
        seconds, before = Path(folder, "seconds"), cpu()
        child = os.fork()
        if child == 0:
            enter()
            started = time.perf_counter()
            try:
                work()
                seconds.write_text(str(time.perf_counter() - started))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        if not seconds.exists():
            raise RuntimeError("the work failed; see above")
        return Spent(float(seconds.read_text()), cpu() - before)


def _can_count() -> bool:
    return COUNTING.is_dir() and os.access(COUNTING, os.W_OK)


@contextlib.contextmanager
def _counter() -> Iterator[tuple[Callable[[], object], Callable[[], float]]]:
    """How to enter what is counted, and how to read the seconds counted."""
    if not _can_count():
        yield (lambda: None), _whole_machine
        return
    group = COUNTING / f"stopwatch-{os.getpid()}"
    group.mkdir()
    try:
        yield (
            lambda: (group / "cgroup.procs").write_text(str(os.getpid())),
            lambda: int((group / "cpuacct.usage").read_text()) / 1e9,
        )
    finally:
        with contextlib.suppress(OSError):  # something still runs in it
            group.rmdir()


def _whole_machine() -> float:
    user, nice, system, _idle, _waiting, irq, softirq, *_ = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")
