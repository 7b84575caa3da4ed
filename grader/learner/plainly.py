"""Errors that a notebook shows as their own words, without the code that they came through."""


class Plainly:
    """Goes in front of an exception's base class.  In plain Python nothing changes."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [str(self)]
