"""Sandboxes for many tests: to start one takes seconds, a submission milliseconds.

A test file gets them by `pytest_plugins = ["tests.sandbox_fixtures"]`.
"""

import ctypes
import platform
from collections.abc import Iterator

import pytest

from grader.sandbox import Kernel, Sandbox
from tests.sandbox_helpers import ADD_KEY, CANARY, KEYCTL, PRELUDE, SESSION, run_all


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def session_key() -> bool:
    """Give this process a session keyring with a key in it, as a login does.  False where that is not allowed."""
    if platform.machine() != "x86_64":
        return False
    libc = ctypes.CDLL(None)
    joined = libc.syscall(KEYCTL, 1, None) > 0
    return joined and libc.syscall(ADD_KEY, b"user", b"machine", b"secret", 6, SESSION) > 0


@pytest.fixture(scope="session", params=["nested", "single"])
def walled(request, tmp_path_factory, session_key) -> Iterator[Sandbox]:
    """Both kinds of walls: namespaces inside one bubblewrap, and one bubblewrap for each submission."""
    course = tmp_path_factory.mktemp("course")
    course.chmod(0o755)
    (course / "shown.py").write_text("answer = 42\n")
    nested = request.param == "nested"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADER_CANARY", CANARY)
        path = ["/course/lib"]
        with Sandbox({"/course/lib": course}, ["shown"], python_path=path, nested=nested) as running:
            yield running


@pytest.fixture(scope="session")
def inmate(walled) -> Iterator[Kernel]:
    with walled.kernel() as running:
        run_all(running, PRELUDE)
        yield running


@pytest.fixture(scope="session")
def neighbour(walled) -> Iterator[Kernel]:
    """A second submission at the same time."""
    with walled.kernel() as running:
        run_all(running, PRELUDE)
        yield running
