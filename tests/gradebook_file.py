"""The gradebook of a course folder as SQLite sees it, past nbgrader."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def gradebook_file(folder: Path) -> Iterator[sqlite3.Connection]:
    """Committed at the end, and closed, which a connection's own `with` does not do."""
    with closing(sqlite3.connect(folder / "gradebook.db")) as db, db:
        yield db
