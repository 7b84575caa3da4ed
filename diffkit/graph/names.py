"""Names of variables: the small checks that the tables and the Gaussians share."""

from collections.abc import Iterable

from diffkit.graph.dag import GraphError, Nodes


def as_names(names: Nodes) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (names,) if isinstance(names, str) else tuple(names)


def check_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names as a tuple, after checking that each stands once."""
    names = tuple(names)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise GraphError(f"{', '.join(twice)} stands twice: the sets of variables must not overlap")
    return names


def positions(known: tuple[str, ...], names: Iterable[str]) -> list[int]:
    """Where each name stands among the known ones.  Raises GraphError if unknown or repeated."""
    names = check_names(names)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise GraphError(f"{', '.join(map(str, unknown))}: not among the variables {', '.join(known)}")
    return [known.index(name) for name in names]
