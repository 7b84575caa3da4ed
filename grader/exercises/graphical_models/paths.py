"""Paths in a small graph, and rules that say which inner nodes let news pass: shared by `d_separated` and `droppable`."""

from collections.abc import Callable, Iterator

from grader.exercises.graphical_models.common import Parents

Given = tuple[int, ...]
Rule = Callable[[bool, bool, bool], bool]  # is it a collider, is it observed, is something below it observed


def below(parents: Parents, node: int) -> set[int]:
    """All nodes that a node leads to."""
    found = {node}
    for child in range(node + 1, len(parents)):
        if found & set(parents[child]):
            found.add(child)
    return found - {node}


def neighbours(parents: Parents, node: int) -> list[int]:
    """Parents and children."""
    return [i for i in range(len(parents)) if i in parents[node] or node in parents[i]]


def paths(parents: Parents, x: int, y: int, so_far: Given = ()) -> Iterator[Given]:
    """All paths from x to y that visit no node twice."""
    here = (*so_far, x)
    if x == y:
        yield here
        return
    for node in neighbours(parents, x):
        if node not in here:
            yield from paths(parents, node, y, here)


def right(collider: bool, observed: bool, below_observed: bool) -> bool:
    """The rule of d-separation."""
    return observed or below_observed if collider else not observed


def separated(parents: Parents, x: int, y: int, given: Given, rule: Rule = right) -> bool:
    """No path lets news pass, by a rule."""
    return not any(_open(parents, path, given, rule) for path in paths(parents, x, y))


def _open(parents: Parents, path: Given, given: Given, rule: Rule) -> bool:
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        collider = before in parents[node] and after in parents[node]
        if not rule(collider, node in given, bool(below(parents, node) & set(given))):
            return False
    return True
