"""A place for progress of a test's own.

A test file gets it by `pytest_plugins = ["tests.progress_fixtures"]`.
"""

import pytest

from grader.learner.place import VARIABLE


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "home" / "progress.json"
    monkeypatch.setenv(VARIABLE, str(path))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return path
