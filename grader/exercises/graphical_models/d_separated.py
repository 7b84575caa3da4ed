"""Independence read off the arrows: `d_separated`."""

from collections.abc import Callable, Iterator

from grader.exercise import Case, Draw, Exercise, Misconception
from grader.exercises.graphical_models.common import WITHHOLDS, Parents, criteria, random_parents
from grader.exercises.graphical_models.paths import Given, Rule, neighbours, separated

FORK: Parents = ((), (0,), (0,))
CHAIN: Parents = ((), (0,), (1,))
COLLIDER: Parents = ((), (), (0, 1))
ALARM: Parents = ((), (), (0, 1), (2,))  # a collider whose child may be seen instead
TWO_WAYS: Parents = ((), (0,), (0,), (1, 2))
ZIGZAG: Parents = ((), (), (0,), (0, 1), (1,))  # 2 <- 0 -> 3 <- 1 -> 4


def d_separated(parents: Parents, x: int, y: int, given: Given) -> bool:
    """The rule on every path; equation (1.7) is 0 in every distribution of such a graph."""
    nodes = range(len(parents))

    def some_below_seen(node: int) -> bool:
        return node in given or any(some_below_seen(child) for child in nodes if node in parents[child])

    def passes(before: int, node: int, after: int) -> bool:
        is_collider = before in parents[node] and after in parents[node]
        return some_below_seen(node) if is_collider else node not in given

    def reaches(path: Given) -> bool:
        node = path[-1]
        new = [n for n in nodes if n not in path and (n in parents[node] or node in parents[n])]
        return node == y or any(reaches((*path, n)) for n in new if len(path) == 1 or passes(path[-2], node, n))

    return not reaches((x,))


def _draw_questions(d: Draw) -> Iterator[Case]:
    yield Case("a fork", (FORK, 1, 2, ()))
    yield Case("a fork, the middle observed", (FORK, 1, 2, (0,)))
    yield Case("a chain", (CHAIN, 0, 2, ()))
    yield Case("a chain, the middle observed", (CHAIN, 0, 2, (1,)))
    yield Case("a collider", (COLLIDER, 0, 1, ()))
    yield Case("a collider, observed", (COLLIDER, 0, 1, (2,)))
    yield from (_random_case(d, 5, "value") for _ in range(10))
    yield Case("a collider whose child is observed", (ALARM, 0, 1, (3,)), "edges")
    below = ((), (), (0, 1), (2,), (3,))
    yield Case("a collider whose child is observed, and not its grandchild", (below, 0, 1, (3,)), "edges")
    yield Case("a collider whose grandchild is observed", (below, 0, 1, (4,)), "edges")
    yield Case("two ways round, one blocked", (TWO_WAYS, 0, 3, (1 + d.integer(0, 1),)), "edges")
    yield Case("two ways round, both blocked", (TWO_WAYS, 0, 3, (1, 2)), "edges")
    yield Case("two ways round, the start known", (TWO_WAYS, 1, 2, (0,)), "edges")
    yield Case("two ways round, start and end known", (TWO_WAYS, 1, 2, (0, 3)), "edges")
    yield Case("a zigzag", (ZIGZAG, 2, 4, ()), "edges")
    yield Case("a zigzag, its collider observed", (ZIGZAG, 2, 4, (3,)), "edges")
    yield Case("neighbours", (CHAIN, 1, 2, (0,)), "edges")
    yield Case("against the arrows", (CHAIN, 2, 0, ()), "edges")
    yield Case("no arrows at all", (((), (), ()), 0, 2, (1,)), "edges")
    yield from (_random_case(d, 7, "edges") for _ in range(10))


def _random_case(d: Draw, n: int, criterion: str) -> Case:
    parents = random_parents(d, n, 0.35)
    x = d.integer(0, n - 1)
    y = (x + d.integer(1, n - 1)) % n
    given = tuple(i for i in range(n) if i not in (x, y) and d.uniform(0, 1) < 0.4)
    return Case(f"a random graph of {n} nodes", (parents, x, y, given), criterion)


def _by(rule: Rule) -> Callable[[Parents, int, int, Given], bool]:
    return lambda parents, x, y, given: separated(parents, x, y, given, rule)


def _leads(parents: Parents, x: int, y: int, given: Given) -> bool:
    """A path along the arrows from x to y with no observed node inside."""
    return any(i == x or (i not in given and _leads(parents, x, i, given)) for i in parents[y])


def _moral(parents: Parents, x: int, y: int, given: Given) -> bool:
    """Parents of a common child married, in the whole graph: the ancestors' part would have been right."""
    n = range(len(parents))
    married = [{j for j in n if any(i in above and j in above for above in parents)} for i in n]
    reached, todo = {x}, [x]
    while todo:
        i = todo.pop()
        new = ({*neighbours(parents, i), *married[i]} - set(given)) - reached
        reached |= new
        todo += new
    return y not in reached


EXERCISE = Exercise(
    name="graphs.d_separated",
    prompt="Say whether the arrows alone make x and y independent, once the nodes in given are observed.",
    signature="d_separated(parents tuple of tuples, x int, y int, given tuple of ints) -> True or False",
    reference=d_separated,
    draw=_draw_questions,
    criteria=criteria(3, 2, at="colliders with children, several paths, neighbours, no arrows, larger graphs"),
    equation="1.7",
    difficulty=4,
    minutes=30,
    hints=(
        "List every path between x and y, whichever way its arrows point. One open path is enough to make them dependent.",
        "A path is open if each inner node is. A collider (both arrows point into it) is open if it, or a node that it "
        "leads to, is observed. Any other inner node is open if it is not observed.",
        "Walk from x with a recursive function that carries the path so far, never visits a node twice, and tests the "
        "last inner node before it goes on; collider = before in parents[node] and after in parents[node]",
    ),
    withholds=WITHHOLDS,
    misconceptions=(
        Misconception(
            "colliders treated as others",
            _by(lambda collider, observed, below: not observed),
            "every observed node blocks for you, and every other lets news pass. A collider does the opposite: it "
            "blocks by itself, and observing it opens the path.",
        ),
        Misconception(
            "descendants forgotten",
            _by(lambda collider, observed, below: observed == collider),
            "nearly: a collider also opens when something that it leads to is observed. A neighbour who calls about "
            "the alarm tells as much as the alarm.",
        ),
        Misconception(
            "colliders always block",
            _by(lambda collider, observed, below: not collider and not observed),
            "colliders block for you whether they are observed or not. Observing one opens the path: explaining away.",
        ),
        Misconception(
            "observations ignored",
            _by(lambda collider, observed, below: not collider),
            "you do not look at given. What is observed closes forks and chains and opens colliders.",
        ),
        Misconception(
            "everything turned round",
            _by(lambda collider, observed, below: observed != collider),
            "your rule is turned round: you let news pass through observed forks and chains, and stop it at observed "
            "colliders.",
        ),
        Misconception(
            "along the arrows only",
            lambda parents, x, y, given: not _leads(parents, min(x, y), max(x, y), given),
            "you follow paths along the arrows only. News also travels against them: two children of one parent know "
            "of each other.",
        ),
        Misconception(
            "no arrow between them",
            lambda parents, x, y, given: y not in neighbours(parents, x),
            "you only ask whether an arrow joins the two. News travels over other nodes as well.",
        ),
        Misconception(
            "all parents married",
            _moral,
            "you married the parents of every node. Marry them in the graph of x, y, the observed nodes and their "
            "ancestors alone: a child that nobody has seen opens nothing.",
        ),
        Misconception(
            "negated",
            lambda parents, x, y, given: not separated(parents, x, y, given),
            "your function says True when a path is open. Separated means that none is.",
        ),
    ),
)
