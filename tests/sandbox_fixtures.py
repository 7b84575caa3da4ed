"""A sandbox for many tests: to start one takes seconds, a submission milliseconds.

A test file gets it by `pytest_plugins = ["tests.sandbox_fixtures"]`.
"""

from collections.abc import Iterator

import pytest

from grader.sandbox import Sandbox


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running
