"""The grades or the comments of one submitted notebook, in the gradebook: read at once, and saved together."""

from functools import cache
from typing import Any

from nbgrader.api import BaseCell, Comment, Grade
from sqlalchemy import Row, Select, Table, Update, bindparam, select, update
from sqlalchemy.orm import Session


class Rows:
    """By name of the cell.  As rows: nbgrader's own objects would be asked for their scores, which are sums over all.

    table: `Grade` or `Comment`; notebook: the id of the submitted notebook.
    """

    def __init__(self, db: Session, table: type[Grade | Comment], notebook: str) -> None:
        self._db, self._table = db, table.__table__
        self._found = {row.cell: row for row in db.execute(_reading(self._table), {"notebook": notebook})}
        self._new: dict[str, dict[str, Any]] = {}

    def __getitem__(self, name: str) -> Row[Any]:
        """What the gradebook had.  Raises KeyError if the notebook has no such cell."""
        return self._found[name]

    def set(self, name: str, **values: Any) -> None:
        """Change columns, when it is saved.  Raises KeyError if the notebook has no such cell."""
        before = self._found[name]._mapping
        self._new.pop(name, None)
        if any(before[column] != value for column, value in values.items()):
            self._new[name] = {"row": before["id"], **values}

    def save(self) -> None:
        """Write what is other than it was.  It is final when the session commits."""
        if self._new:
            rows = list(self._new.values())
            self._db.execute(_writing(self._table, tuple(k for k in rows[0] if k != "row")), rows)


@cache
def _reading(table: Table) -> Select[Any]:
    cells = BaseCell.__table__
    return (
        select(cells.c.name.label("cell"), *table.c)
        .join(cells, cells.c.id == table.c.cell_id)
        .where(table.c.notebook_id == bindparam("notebook"))
    )


@cache
def _writing(table: Table, columns: tuple[str, ...]) -> Update:
    return update(table).where(table.c.id == bindparam("row")).values({name: bindparam(name) for name in columns})
