"""The course's nbgrader settings, out of its `nbgrader_config.py`."""

from importlib.util import find_spec
from pathlib import Path

from traitlets.config.loader import Config, PyFileConfigLoader

from grader.errors import GradingError
from grader.late import DailyPenalty
from grader.plugin import Judge

CONFIG = "nbgrader_config.py"


def load_config(root: Path, **overrides: dict[str, object]) -> Config:
    """The course's nbgrader settings.  Raises GradingError if the folder is no course."""
    path = root / CONFIG
    if not path.is_file():
        raise GradingError(f"there is no {CONFIG} in {root}: run this in the course folder")
    try:
        config = PyFileConfigLoader(str(path)).load_config()
    except SyntaxError as error:
        raise GradingError(f"{path}, line {error.lineno}, is no Python: {error.msg}") from error
    config.merge(Config(overrides))
    _require_usable(config)
    return config


def _require_usable(config: Config) -> None:
    """Raises GradingError for a slip that traitlets would pass over, and for a database without its package."""
    for owner in (Judge, DailyPenalty):
        known = owner.class_trait_names(config=True)
        if lost := sorted(set(config.get(owner.__name__, {})) - set(known)):
            raise GradingError(f"c.{owner.__name__} has no setting {lost[0]}; it has: {', '.join(sorted(known))}")
    if "psycopg" in str(config.CourseDirectory.get("db_url", "")) and find_spec("psycopg") is None:
        raise GradingError('the gradebook is in PostgreSQL: pip install -c constraints.txt -e ".[cluster]"')
