"""What the tests of the sandbox share besides the fixtures."""

import shutil
from typing import Any

import pytest

from grader.sandbox import CellResult, Kernel, Limits
from grader.sandbox.limits import MIB

needs_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

# Small limits, so that reaching them is quick.
TIGHT = Limits(
    cell_seconds=2,
    call_seconds=1,
    patience=1,
    submission_seconds=60,
    memory_bytes=512 * MIB,
    processes=12,
    file_bytes=8 * MIB,
    tmp_bytes=32 * MIB,
    tmp_files=500,
    open_files=64,
    output_bytes=MIB // 4,
    reply_bytes=4 * MIB,
    callbacks=50,
)

CANARY = "canary-7f3a"

# Numbers of the system calls add_key and keyctl on x86_64; the name of the session's keyring.
ADD_KEY, KEYCTL = 248, 250
SESSION = -3

# Frames of a student's own making, sent into every socket that is open.  Answers have the number of their question.
WIRE = """
import os, socket, stat, struct, sys, time, torch
kept = 5
def wires():
    found = []
    for n in range(3, 64):
        try:
            if stat.S_ISSOCK(os.fstat(n).st_mode): found.append(n)
        except OSError: pass
    return found
def forge(data):
    for n in wires(): os.write(n, data)
def raw(data): return struct.pack(">I", len(data)) + data
def asked():
    place = sys._getframe()
    while place is not None:
        question = place.f_locals.get("question")
        if type(question) is dict and "number" in question: return question["number"]
        place = place.f_back
    return 0
def frame(value):
    if type(value) is dict and value.get("kind") != "callback": value = {"number": asked(), **value}
    return raw(sys.modules["cage.wire"].encode(value))
"""

# What questions are asked about.
FUNCTIONS = """import os, signal, time, torch, numpy as np
count = 0
def double(x, factor=2):
    return factor * x
def counting():
    global count
    count += 1
    return count
def endless():
    while True: pass
def fails(x):
    y = x + 1
    raise KeyError("no such key")
def mutates(x):
    x += 1
    return x
def identity(x):
    return x
def prints(x):
    print("leaked", x); display(x)
    os.write(1, b"leaked")
    return x
"""

# What probes of the walls use.
PRELUDE = """
import ctypes, errno, os, socket, stat, subprocess, sys, time
from pathlib import Path
libc = ctypes.CDLL(None, use_errno=True)

def outcome(call):
    try:
        result = call()
    except Exception as error:
        return type(error).__name__
    return "done" if result is None else result

def refused(function, *arguments):
    "Whether a system call fails, and with what."
    ctypes.set_errno(0)
    return errno.errorcode[ctypes.get_errno()] if function(*arguments) < 0 else "done"
"""


def value(kernel: Kernel, source: str) -> str:
    """The value of a cell's last expression, as it is written."""
    return str(shown(run_all(kernel, source)[0]))


def text(result: CellResult) -> str:
    """What a cell printed on both streams."""
    return "".join(item["text"] for item in result.outputs if item["output_type"] == "stream")


def shown(result: CellResult) -> Any:
    """The plain text of a cell's last expression."""
    found = [item for item in result.outputs if item["output_type"] == "execute_result"]
    assert len(found) == 1, result.outputs
    return found[0]["data"]["text/plain"]


def run_all(kernel: Kernel, *cells: str) -> list[CellResult]:
    """Run cells that must succeed."""
    results = [kernel.run(cell) for cell in cells]
    for result in results:
        assert result.status == "ok", result.outputs
    return results
