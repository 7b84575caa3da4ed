"""nbgrader's sessions with its gradebook, while nbgrader is warm: one engine, and one transaction per student.

nbgrader opens its gradebook some eighteen times per submission, each time with a new engine that compiles every
statement again and looks for each table, and commits some forty times.
"""

from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker


class Held(Session):
    """A session whose commits wait: what was written can be read back, and is not yet final."""

    _written = False

    def flush(self, objects: Any = None) -> None:
        """Send what is new to the database."""
        self._written = self._written or bool(self.new or self.dirty or self.deleted)
        super().flush(objects)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        """As a session does."""
        self._written = self._written or getattr(statement, "is_dml", False)
        return super().execute(statement, *args, **options)

    def commit(self) -> None:
        """As after a real commit, what the database computes is asked for again: if there was something to commit."""
        self.flush()
        if self._written:
            self.expire_all()
        self._written = False


class Books:
    """What is kept while nbgrader is warm."""

    def __init__(self) -> None:
        self.engines: dict[str, Engine] = {}
        self.opened: set[tuple[str, str]] = set()  # gradebooks whose tables and course are known to exist
        self.held: dict[Engine, Held] | None = None
        self.kept: dict[object, Any] = {}

    def engine(self, url: str, **options: Any) -> Engine:
        """The one engine of a database."""
        if url not in self.engines:
            self.engines[url] = create_engine(url, **options)
        return self.engines[url]

    def opening(self, original: Any) -> Any:
        """`Gradebook.__init__`, without looking again for what was there a moment ago."""

        def open_gradebook(
            gradebook: Any, db_url: str, course_id: str = "default_course", authenticator: Any = None
        ) -> None:
            if (db_url, course_id) not in self.opened:
                original(gradebook, db_url, course_id, authenticator)
                gradebook.db.remove()
                self.opened.add((db_url, course_id))
            gradebook.engine, gradebook.db = self.engine(db_url), self.session(db_url)
            gradebook.course_id, gradebook.authenticator = course_id, authenticator

        return open_gradebook

    def session(self, url: str) -> Any:
        """A session of its own, or that of the transaction."""
        engine = self.engine(url, echo=False, future=True)
        if self.held is None:
            return scoped_session(sessionmaker(autoflush=True, bind=engine, future=True))
        if engine not in self.held:
            self.held[engine] = Held(bind=engine, autoflush=True, future=True)
        return _Shared(self.held[engine])


class _Shared:
    """The one session of a transaction, as the gradebook wants it: taking leave of it closes nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def remove(self) -> None:
        """What a gradebook does when it is closed."""
