"""Which conditioning variables may be dropped: `droppable`."""

from collections.abc import Callable, Iterator

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, Parents, criteria, random_parents
from grader.exercises.graphical_models.paths import Given, below, neighbours, separated


def droppable(parents: Parents, x: int, given: Given) -> Given:
    """Equations (1.22) and (1.23): each one tested, all the others known."""
    return _dropped(given, lambda v: separated(parents, x, v, tuple(g for g in given if g != v)))


def _dropped(given: Given, may_go: Callable[[int], bool]) -> Given:
    return tuple(v for v in sorted(given) if may_go(v))


def _chain(T: int) -> Parents:
    return ((), *((t,) for t in range(T)))


# States and actions in turn: s0, a0, s1, a1, s2, a2, s3.
DECISIONS: Parents = ((), (0,), (0, 1), (2,), (2, 3), (4,), (4, 5))
FIVE: Parents = ((), (), (), (0, 1, 2), (0, 2))


def _draw_questions(d: Draw) -> Iterator[Case]:
    T, t = 6, d.integer(3, 5)
    yield Case("q(x_t | x_{t-1}, x_0) in the diffusion chain", (_chain(T), t, (t - 1, 0)))
    yield Case("q(x_{t-1} | x_t, x_0)", (_chain(T), t - 1, (t, 0)))
    yield Case("q(x_t | all earlier ones)", (_chain(T), t, tuple(range(t))))
    yield Case("q(x_t | all later ones)", (_chain(T), t - 2, tuple(range(t - 1, T + 1))))
    yield Case("the last of the five nodes", (FIVE, 4, (0, 1, 2, 3)))
    yield _random_case(d)
    yield Case("q(x_t | x_{t+1}, x_0): both are needed", (_chain(T), 2, (t, 0)), "edges")
    yield Case("only x_0 is known", (_chain(T), t, (0,)), "edges")
    yield Case("nothing is known", (_chain(T), t, ()), "edges")
    yield Case("the next state, given all before", (DECISIONS, 4, (0, 1, 2, 3)), "edges")
    yield Case("the next state, action unknown", (DECISIONS, 4, (0, 1, 2)), "edges")
    yield Case("an action, given what came of it", (DECISIONS, 3, (0, 1, 2, 4)), "edges")
    yield Case("another parent of a common child", (FIVE, 1, (0, 3)), "edges")
    yield from (_random_case(d, "edges") for _ in range(3))


def _random_case(d: Draw, criterion: str = "value") -> Case:
    parents = random_parents(d, 6, 0.4)
    x = d.integer(0, 5)
    given = tuple(i for i in range(6) if i != x and d.uniform(0, 1) < 0.7)
    return Case("a random graph", (parents, x, given), criterion)


def _blanket(parents: Parents, x: int) -> set[int]:
    """Parents, children, and the children's other parents."""
    mates = {p for above in parents if x in above for p in above}
    return {*neighbours(parents, x), *mates} - {x}


EXERCISE = Exercise(
    name="graphs.droppable",
    prompt="List the conditioning variables that may be dropped: p(x | given) = p(x | the rest of given).",
    signature="droppable(parents tuple of tuples, x int, given tuple of ints) -> tuple of ints, ascending",
    reference=droppable,
    draw=_draw_questions,
    criteria=criteria(3, 1, at="one or nothing known, states and actions, common children, larger graphs"),
    equation="1.22",
    difficulty=3,
    minutes=10,
    hints=(
        "A variable behind the bar may go if it tells nothing about x that the others behind the bar do not tell.",
        "That is one question to d_separated for each v in given: x and v, with all the others of given observed.",
        "return tuple(v for v in sorted(given) if d_separated(parents, x, v, tuple(g for g in given if g != v)))",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "all but the parents",
            lambda parents, x, given: _dropped(given, lambda v: v not in parents[x]),
            "you keep the parents of x and drop the rest. That is right if all parents are known and nothing later is. "
            "In q(x_2 | x_3, x_0) the parent x_1 is unknown, and x_3 tells a lot.",
        ),
        Misconception(
            "all but the neighbours",
            lambda parents, x, given: _dropped(given, lambda v: v not in neighbours(parents, x)),
            "you keep what has an arrow to x and drop the rest. If a neighbour is unknown, what lies behind it still tells.",
        ),
        Misconception(
            "all but the blanket",
            lambda parents, x, given: _dropped(given, lambda v: v not in _blanket(parents, x)),
            "you keep the Markov blanket of x and drop the rest. That needs the whole blanket to be known. In "
            "q(x_2 | x_3, x_0) it is not: x_1 is missing, so x_0 still tells.",
        ),
        Misconception(
            "nothing else known",
            lambda parents, x, given: _dropped(given, lambda v: separated(parents, x, v, ())),
            "you ask whether x and v are independent while nothing is known. The others in given are known: observe them.",
        ),
        Misconception(
            "what comes later dropped",
            lambda parents, x, given: _dropped(
                given, lambda v: separated(parents, x, v, given) or v in below(parents, x)
            ),
            "you drop what comes after x. Later variables tell about earlier ones, too: news travels against the arrows.",
        ),
        Misconception(
            "all but the latest",
            lambda parents, x, given: _dropped(given, lambda v: v != max(given)),
            "you keep the latest variable and drop all before it. The Markov property says so for the future of a "
            "chain. Looking back, or in another graph, it does not hold.",
        ),
        Misconception(
            "what must stay",
            lambda parents, x, given: tuple(v for v in sorted(given) if v not in droppable(parents, x, given)),
            "this is the list of those that must stay. Asked for are those that may go.",
        ),
    ),
)
