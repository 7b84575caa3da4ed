"""JupyterLab and Chromium for the tests of this folder, started once per module."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from tests.browser import lab as real_lab


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives JupyterLab in a real browser")


@dataclass(frozen=True)
class Lab:
    """`lab(notebook)` opens a notebook in a new page.  Pages live until the module's tests are done."""

    server: real_lab.LabServer
    browser: Any

    def __call__(self, notebook: Path, **page_options: Any) -> Any:
        """The page of a notebook under the server's root; one from elsewhere is copied there first."""
        root = self.server.root
        if not notebook.is_relative_to(root):
            notebook = Path(copy(notebook, root))
        return real_lab.open_notebook(self.browser, self.server, notebook.relative_to(root), **page_options)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    if find_spec("playwright") is None:
        pytest.skip("needs playwright: pip install playwright")
    if real_lab.browser_path() is None:
        pytest.skip("needs a Chromium on the PATH")
    root, home = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter")
    with real_lab.lab_server(root, home) as server, real_lab.open_browser() as browser:
        yield Lab(server, browser)
