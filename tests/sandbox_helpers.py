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
