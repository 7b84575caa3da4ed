"""A course that downloads are collected into.

A test file gets it by `pytest_plugins = ["tests.download_fixtures"]`.
"""

import shutil

import pytest

from tests.downloads import LESSON, NOTEBOOK, OTHER, OTHER_LESSON
from tests.house_files import ROOT


@pytest.fixture
def course(tmp_path):
    """A course folder with two released lessons."""
    for lesson, data in ((LESSON, NOTEBOOK), (OTHER_LESSON, OTHER)):
        place = tmp_path / "course" / "notebooks" / lesson
        place.mkdir(parents=True)
        (place / f"{lesson[3:]}.ipynb").write_bytes(data)
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path / "course")
    return tmp_path / "course"
