"""Runs students' code where it can do no harm, and brings back values.

    with Sandbox(mounts={"/course": folder}, python_path=["/course"], modules=["diffkit"]) as sandbox:
        with sandbox.kernel(files={"data.csv": b"..."}) as kernel:
            result = kernel.run(source)                      # a cell: CellResult
            with kernel.evaluation() as evaluation:          # a fork of the state
                answer = evaluation.call("q_sample", [x_0, t, noise])

Three kinds of processes, from trusted to hostile: the host (this process); the zygote, which has imported
the libraries and never sees a student's byte; the kernels, one per submission, which may be anything once
they have run a cell.  Never imports exercises, judge or library: what is right is not known here.
"""

from .answer import Answer, Callback, Held, Make
from .cgroup_places import ADVICE as GROUPS_ADVICE
from .errors import SandboxError, SandboxUnavailable
from .evaluation import Evaluation
from .host import Mode, Sandbox
from .limits import Limits
from .question import Question, call, vjp
from .submission import CellResult, Kernel

__all__ = [
    "GROUPS_ADVICE",
    "Answer",
    "Callback",
    "CellResult",
    "Evaluation",
    "Held",
    "Kernel",
    "Limits",
    "Make",
    "Mode",
    "Question",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "call",
    "vjp",
]
