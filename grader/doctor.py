"""What protects this machine while it grades, and what is missing.  The command `grader doctor`."""

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from grader.sandbox import GROUPS_ADVICE, CellResult, Sandbox, SandboxError, SandboxUnavailable
from grader.sandbox.inside.isolate import counts_processes_per_namespace
from grader.text import printable

State = Literal["good", "weak", "bad"]
SIGNS: dict[State, str] = {"good": "ok", "weak": "weak", "bad": "MISSING"}
CONTAINER = "run the grader in a Linux container or virtual machine: see docs/security.md, Containers"

# Runs in the sandbox and tells what a submission could do there.
PROBE = """
import ctypes, json, os, socket
libc = ctypes.CDLL(None, use_errno=True)
header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
libc.capget(header, sets)
def writable(folder):
    try: open(folder + "/probe", "w").close()
    except OSError: return False
    return True
print(json.dumps({
    "user": os.getuid(), "capabilities": any(sets), "new_privileges": libc.prctl(39, 0, 0, 0, 0) != 1,
    "filter": libc.prctl(21, 0, 0, 0, 0) == 2, "interfaces": [name for _, name in socket.if_nameindex()],
    "processes_seen": len(os.listdir("/proc")), "writable": [f for f in ("/", "/usr/lib", "/etc") if writable(f)],
    "environment": sorted(os.environ)}))
"""


@dataclass(frozen=True)
class Finding:
    """One line of the report.  bad: the grader will refuse to grade, or must not be trusted to."""

    state: State
    what: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{SIGNS[self.state]:>7}  {self.what}" + (f"\n         -> {self.advice}" if self.advice else "")


def examine(root: Path) -> Iterator[Finding]:
    """Everything worth knowing, found out by starting a sandbox and looking around in it.  root: the course folder."""
    if sys.platform != "linux":
        yield Finding("bad", f"{platform.system()} has no namespaces", CONTAINER)
        return
    yield from _walls()
    yield from _user()
    yield from look_at_course(root)


def _walls() -> Iterator[Finding]:
    try:
        with Sandbox() as sandbox, sandbox.kernel() as kernel:
            told = kernel.run(PROBE)
            yield from _around(sandbox)
            if told.status == "ok":
                yield from look_inside(json.loads(told.outputs[0]["text"]))
            else:
                yield Finding("bad", "it cannot be told what a submission could do", _last_words(told))
    except SandboxUnavailable as error:
        yield Finding("bad", "there is no sandbox, so the grader refuses to grade", f"{error}  Or {CONTAINER}")
    except SandboxError as error:
        yield Finding("bad", f"the sandbox does not work: {error}")


def _last_words(told: CellResult) -> str:
    return printable(str(told.outputs[-1].get("evalue", ""))) if told.outputs else told.status


def _around(sandbox: Sandbox) -> Iterator[Finding]:
    fast = not sandbox.protection.startswith("one bubblewrap for each")
    yield Finding(
        "good", f"bubblewrap: {sandbox.protection}", "" if fast else "safe, but seconds slower per submission"
    )
    for controller, what in (("memory", "memory"), ("pids", "processes")):
        if controller in sandbox.groups:
            yield Finding("good", f"{what} of a whole submission limited by a control group")
        else:
            yield _without_group(what)


def _without_group(what: str) -> Finding:
    release = os.uname().release
    if what == "memory":
        said = "memory is limited for each process of a submission, not for all together (no control group)"
        return Finding("weak", said, GROUPS_ADVICE)
    if counts_processes_per_namespace(release):
        return Finding("good", "processes of a submission limited by the user namespace")
    said = f"Linux {release} counts the processes of all submissions together (no control group)"
    return Finding("weak", said, f"use Linux 5.14 or later, or {GROUPS_ADVICE}")


def look_inside(seen: dict[str, Any]) -> Iterator[Finding]:
    """What the probe has told of the inside."""
    checks: list[tuple[bool, str]] = [
        (seen["interfaces"] == ["lo"], "no network"),
        (not seen["capabilities"] and not seen["new_privileges"], "no capabilities, and none to be had"),
        (seen["user"] != 0, "student code is not root"),
        (not seen["writable"], "a read-only system"),
        (seen["processes_seen"] < 5, "no sight of other processes"),
    ]
    for good, what in checks:
        yield Finding("good" if good else "bad", what, "" if good else "do not grade here: report this as a mistake")
    if seen["filter"]:
        yield Finding("good", "a filter of system calls (seccomp)")
    else:
        said = f"no filter of system calls for {os.uname().machine} on this kernel"
        yield Finding("weak", said, "a Linux with seccomp on x86_64 or aarch64 has one")


def _user() -> Iterator[Finding]:
    if os.geteuid() == 0:
        yield Finding("weak", "you are root", "an account of its own for grading has less to lose")
    else:
        yield Finding("good", "you are not root")


def look_at_course(root: Path) -> Iterator[Finding]:
    """The course's settings and the rights of its private folder."""
    if not (root / "nbgrader_config.py").is_file():
        yield Finding(
            "weak", f"{root} is no course folder: its settings were not looked at", "run this in the course folder"
        )
        return
    from grader.config import load_config  # loads nbgrader, which takes seconds

    settings = load_config(root).Autograde
    steps = [*settings.get("sanitize_preprocessors", []), *settings.get("autograde_preprocessors", [])]
    wanted = ["grader.plugin.Restore", "grader.plugin.Judge", "grader.plugin.SaveJudgedScores"]
    good = (
        [s for s in steps if s in wanted] == wanted and steps[0] == wanted[0] and not any("Execute" in s for s in steps)
    )
    advice = "" if good else "take the Autograde settings of the nbgrader_config.py that came with the course"
    yield Finding("good" if good else "bad", "nbgrader leaves the grading to the judge", advice)
    yield from _private(root / ".course" / "grader", "the course's key and records are readable by you alone")


def _private(folder: Path, what: str) -> Iterator[Finding]:
    if folder.exists():
        good = folder.stat().st_mode & 0o077 == 0
        yield Finding("good" if good else "bad", what, "" if good else f"do: chmod 700 {folder}")


def report(root: Path, tell: Callable[[str], None] = print) -> int:
    """Tell all findings.  Returns 1 if one of them is bad."""
    findings = []
    for finding in examine(root):
        findings.append(finding)
        tell(str(finding))
    bad, weak = (sum(f.state == state for f in findings) for state in ("bad", "weak"))
    tell(f"\n{'Do not grade here yet' if bad else 'Ready to grade'}: {bad} missing, {weak} weak.")
    return int(bad > 0)
