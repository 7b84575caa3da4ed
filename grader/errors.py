"""What an instructor can put right."""


class CourseError(ValueError):
    """A command cannot do what it was asked; the message says what to do."""


class GradingError(RuntimeError):
    """A run cannot go on; the message says what to do."""
