"""Errors that say what to do next.  All of them are `ValueError`s, so ordinary handlers still work."""


class DiffkitError(ValueError):
    """Base class of the errors that diffkit raises for bad input."""


class ShapeError(DiffkitError):
    """Tensors whose shapes do not fit together."""


class RangeError(DiffkitError):
    """A value outside its allowed range, or one that is not finite."""


class DataError(DiffkitError):
    """A data file that is missing, damaged or of another format."""
