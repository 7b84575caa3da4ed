"""The lesson builder: one text source, `solutions/NN_topic.py`, and both notebooks built from it.

`python -m grader.build` is the command; `docs/contributing.md` describes the format of the text.
"""

from grader.build.tags import LessonError

__all__ = ["LessonError"]
