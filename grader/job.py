"""One submission's judging as a piece of work that can be done anywhere: everything it needs, and nothing else.

It holds no notebook, no path and no secret of the course: the key in it draws the inputs of this submission alone.
"""

from dataclasses import dataclass, field

from grader.judge import Cell, Record, Score, grade
from grader.records import checks_version, record_to_json
from grader.sandbox import Limits, Mode
from grader.versions import versions_of
from grader.workplace import running_sandbox


@dataclass(frozen=True)
class Job:
    """cells: as they are judged; files: beside the notebook; name: of the record; key: draws the inputs.

    kept: scores by name of the grade cell that still hold and are not asked again.
    """

    lesson: str
    cells: list[Cell]
    files: dict[str, bytes]
    name: str
    key: bytes
    mode: Mode
    limits: Limits
    kept: dict[str, Score] = field(default_factory=dict)


class OtherVersionError(RuntimeError):
    """This process has other checks than the one that gave it the job."""


def do(job: Job) -> Record:
    """Judge it here."""
    with running_sandbox(job.lesson, job.mode, job.limits).kernel(files=job.files) as kernel:
        record = grade(job.cells, kernel, job.key, job.kept)
    record.versions = versions_of(record)
    return record


def do_elsewhere(job: Job, version: str) -> str:
    """Judge it in a worker of a cluster.  Returns the record as JSON.

    version: `checks_version` of the machine that sends it.  Raises OtherVersionError if it is not the one here, because
    the same work must get the same grade on every machine.
    """
    if checks_version() != version:
        raise OtherVersionError("this worker has another version of the course: install the same on every machine")
    return record_to_json(do(job))
