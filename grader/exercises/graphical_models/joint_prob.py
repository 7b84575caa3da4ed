"""The probability of an assignment along any graph: `joint_prob`."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import (
    WITHHOLDS,
    Parents,
    criteria,
    random_parents,
    random_table,
)

Tables = tuple[Tensor, ...]
FIVE: Parents = ((), (), (), (0, 1, 2), (0, 2))


def joint_prob(parents: Parents, tables: Tables, x: Tensor) -> Tensor:
    """Equation (1.2)."""
    p = torch.ones(len(x), dtype=tables[0].dtype)
    for i, above in enumerate(parents):
        p = p * tables[i][tuple(x[:, j] for j in (*above, i))]
    return p


def _factors(parents: Parents, tables: Tables, x: Tensor) -> list[Tensor]:
    """One (B,) per node."""
    return [tables[i][tuple(x[:, j] for j in (*above, i))] for i, above in enumerate(parents)]


def _tables(d: Draw, parents: Parents, sizes: tuple[int, ...]) -> Tables:
    return tuple(random_table(d, *(sizes[j] for j in above), sizes[i]) for i, above in enumerate(parents))


def _values(d: Draw, sizes: tuple[int, ...], n: int) -> Tensor:
    return torch.stack([torch.randint(0, size, (n,), generator=d.generator) for size in sizes], 1)


def _case(d: Draw, label: str, parents: Parents, sizes: tuple[int, ...], n: int, criterion: str = "value") -> Case:
    return Case(label, (parents, _tables(d, parents, sizes), _values(d, sizes, n)), criterion)


def _draw_assignments(d: Draw) -> Iterator[Case]:
    yield _case(d, "the five nodes", FIVE, (3, 3, 3, 3, 3), 6)
    yield _case(d, "the five nodes, 2 to 4 values", FIVE, (2, 3, 4, 2, 3), 6)
    graph = (*random_parents(d, 3), (0, 1, 2))
    yield _case(d, "another graph", graph, (3,) * 4, 6)
    yield _case(d, "no arrows at all", ((), (), ()), (2, 3, 4), 5, "edges")
    yield _case(d, "one assignment", FIVE, (3,) * 5, 1, "edges")
    yield _case(d, "as many assignments as nodes", FIVE, (5,) * 5, 5, "edges")
    yield _case(d, "a chain of ten nodes", ((), *((i,) for i in range(9))), (3,) * 10, 4, "edges")
    parents, tables, x = _case(d, "", FIVE, (3,) * 5, 4).args
    zero = (torch.zeros_like(tables[0]), *tables[1:])
    zero[0][int(x[0, 0])] = 1
    yield Case("values that never happen", (parents, zero, x), "edges")
    yield Case("called twice", (parents, tables, x % 2), "edges", "twice")


def _by(combine: Callable[[list[Tensor]], Tensor]) -> Callable[[Parents, Tables, Tensor], Tensor]:
    return lambda parents, tables, x: combine(_factors(parents, tables, x))


def _averaged(parents: Parents, tables: Tables, x: Tensor) -> Tensor:
    own = [t.flatten(0, -2).mean(0) if t.ndim > 1 else t for t in tables]
    return torch.stack([t[x[:, i]] for i, t in enumerate(own)]).prod(0)


def _lookup(parents: Parents, tables: Tables, x: Tensor, own_first: bool) -> Tensor:
    p = torch.ones(len(x), dtype=tables[0].dtype)
    for i, above in enumerate(parents):
        axes = (i, *above) if own_first else (*reversed(above), i)
        p = p * tables[i][tuple(x[:, j] for j in axes)]
    return p


EXERCISE = Exercise(
    name="graphs.joint_prob",
    prompt="Give the probability of whole assignments: one factor for each node, given its parents.",
    signature="joint_prob(parents tuple of tuples, tables tuple of tensors, x (B, n) int64) -> (B,)",
    reference=joint_prob,
    draw=_draw_assignments,
    criteria=criteria(
        3, 1, at="no arrows, one assignment, B = n, a long chain, values that never happen, called twice"
    ),
    equation="1.2",
    difficulty=3,
    minutes=12,
    hints=(
        "Go through the nodes. Each one contributes one number per assignment, read from its own table. Multiply them.",
        "The axes of tables[i] are parents[i], then i itself. So for one row of x: tables[i][x[j] for j in parents[i]][x[i]].",
        "for i, above in enumerate(parents): p = p * tables[i][tuple(x[:, j] for j in (*above, i))]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "sum instead of product",
            _by(lambda f: torch.stack(f).sum(0)),
            "the factors are added. Chances of things that happen together are multiplied.",
        ),
        Misconception(
            "logarithm",
            _by(lambda f: torch.stack(f).log().sum(0)),
            "this is the logarithm of the probability. A good idea for many nodes, but here the probability is asked for.",
        ),
        Misconception(
            "last node only",
            _by(lambda f: f[-1]),
            "this is the factor of the last node alone. Every node has a factor; start with 1 and multiply in the loop.",
        ),
        Misconception(
            "roots left out",
            lambda parents, tables, x: torch.stack(
                [torch.ones(len(x), dtype=tables[0].dtype)]
                + [f for f, above in zip(_factors(parents, tables, x), parents, strict=True) if above]
            ).prod(0),
            "nodes without parents are left out. Each has a factor too: p(x_i), with nothing behind the bar.",
        ),
        Misconception(
            "parents ignored",
            _averaged,
            "your factors do not depend on the parents' values. Read each table at the values that its parents have.",
        ),
        Misconception(
            "own axis first",
            lambda parents, tables, x: _lookup(parents, tables, x, own_first=True),
            "you read the tables with the node's own value first. The parents' axes come first, the node's own is the last.",
        ),
        Misconception(
            "parents in reverse",
            lambda parents, tables, x: _lookup(parents, tables, x, own_first=False),
            "the parents' values are in reverse order. The axes of tables[i] follow parents[i] from left to right.",
        ),
        Misconception(
            "first assignment for all",
            lambda parents, tables, x: joint_prob(parents, tables, x[:1].expand_as(x)),
            "every assignment gets the probability of the first one: index all rows, x[:, j], not x[0, j].",
        ),
    ),
)
