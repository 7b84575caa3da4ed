"""Judging on a Dask cluster: the same work as in processes of this machine, on other machines.

A worker gets the cells, the files beside them and the key of one submission; it sends back a record.  It needs this
course installed in the same version, and bubblewrap.  The gradebook, the course's secret and all paths stay here.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from traitlets.config.loader import Config

from grader.errors import GradingError
from grader.executors import Judged, job_of
from grader.intake import Submission
from grader.job import Job, OtherVersionError, do_elsewhere
from grader.records import Records, checks_version, record_from_json
from grader.sandbox import SandboxUnavailable

START_SECONDS = 20


def on_cluster(root: Path, lesson: str, found: Sequence[Submission], config: Config, address: str) -> Iterator[Judged]:
    """Judge on the workers of the scheduler at `address` ("host:port").

    A worker that dies is replaced by another; whoever has outlived several is judged here in the end.
    Raises GradingError if there is no scheduler, or a worker has another version of the course.
    """
    records, waiting = Records(root), defaultdict[str, list[Submission]](list)
    jobs: dict[str, Job] = {}
    for s in found:
        try:
            job = job_of(root, lesson, s, config)
        except Exception as error:  # one bad submission must not stop the others
            yield Judged(s, f"{type(error).__name__}: {error}")
            continue
        if records.get(job.name) is not None:
            yield Judged(s)
        else:  # the same work handed in twice is judged once
            jobs[job.name] = job
            waiting[job.name].append(s)
    if jobs:
        for name, problem, lost in _results(address, jobs, records):
            yield from (Judged(s, problem, lost=lost) for s in waiting[name])


def _results(address: str, jobs: dict[str, Job], records: Records) -> Iterator[tuple[str, str, bool]]:
    """Name of each job when it is done, why it could not be judged, and whether its workers died."""
    distributed = _distributed()
    try:
        client = distributed.Client(f"tcp://{address}", timeout=START_SECONDS, set_as_default=False)
    except OSError as error:
        raise GradingError(
            f"no Dask scheduler answers at {address} ({error}): start one with `dask scheduler`"
        ) from error
    with client:
        version = checks_version()
        futures = {client.submit(do_elsewhere, job, version, key=f"judge-{name}"): name for name, job in jobs.items()}
        for future in distributed.as_completed(list(futures), loop=client.loop):
            problem, lost = "", False
            try:
                records.put(futures[future], record_from_json(future.result()))
            except distributed.KilledWorker:
                lost = True
            except OtherVersionError as error:
                raise GradingError(str(error)) from error
            except SandboxUnavailable as error:
                raise GradingError(f"a worker cannot protect itself: {error}") from error
            except Exception as error:  # one bad submission must not stop the others
                problem = f"{type(error).__name__}: {error}"
            yield futures[future], problem, lost


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise GradingError("Dask is not installed: pip install -e '.[cluster]', here and on each worker") from error
    return distributed
