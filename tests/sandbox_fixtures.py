"""Sandboxes for many tests: to start one takes seconds, a submission milliseconds.

A test file gets them by `pytest_plugins = ["tests.sandbox_fixtures"]`.
"""

from collections.abc import Iterator

import pytest

from grader.sandbox import Sandbox
from tests.sandbox_helpers import TIGHT


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="session")
def tight() -> Iterator[Sandbox]:
    with Sandbox(limits=TIGHT) as running:
        yield running
