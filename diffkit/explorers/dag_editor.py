"""A graph to play with: observe nodes, draw arrows, and see which paths carry news and how much.

The browser computes by itself, in `dag_editor_math.js`, because a drag must be answered within a frame.  Here is the
same state with the library's answers; a test holds the two against each other.
"""

from typing import Any

from traitlets import Dict, List, TraitError, Unicode, validate

from diffkit import graph as g
from diffkit import plots
from diffkit.errors import RangeError
from diffkit.explorers.base import Explorer, script
from diffkit.figure import Figure

Preset = dict[str, Any]


def _preset(places: dict[str, tuple[float, float]], arrows: str, ends: str) -> Preset:
    """arrows: "a>c:5 c>b", the weight is 1 where none stands; ends: the two variables asked about."""
    parts = [arrow.partition(":")[::2] for arrow in arrows.split()]
    return {
        "nodes": list(places),
        "places": [list(place) for place in places.values()],
        "arrows": [[*pair.split(">"), float(weight or 1)] for pair, weight in parts],
        "ends": ends.split(),
    }


_THREE: dict[str, tuple[float, float]] = {"a": (0, 0), "c": (1, 1), "b": (2, 0)}
PRESETS: dict[str, Preset] = {
    "fork: a = 5c + noise, b = c + noise": _preset(_THREE, "c>a:5 c>b", "a b"),
    "chain": _preset(_THREE, "a>c c>b", "a b"),
    "collider": _preset(_THREE, "a>c b>c", "a b"),
    "alarm c, and a neighbour's call d": _preset({**_THREE, "d": (2.2, 1.4)}, "a>c b>c c>d", "a b"),
    "two ways": _preset({"a": (0, 0), "c": (1, 1), "d": (1, -1), "b": (2, 0)}, "a>c c>b a>d d>b", "a b"),
    "five nodes": _preset(
        {"x1": (0, 1), "x2": (1.2, 1), "x3": (2.4, 1), "x4": (0.6, -0.3), "x5": (2, -0.3)},
        "x1>x4 x2>x4 x3>x4 x1>x5 x3>x5",
        "x2 x5",
    ),
    "diffusion chain": _preset({f"x{t}": (t, 0) for t in range(5)}, "x0>x1:0.9 x1>x2:0.9 x2>x3:0.9 x3>x4:0.9", "x3 x0"),
    "states and actions": _preset(
        {"s0": (0, 1), "a0": (0.8, 0), "s1": (1.6, 1), "a1": (2.4, 0), "s2": (3.2, 1)},
        "s0>a0 s0>s1 a0>s1 s1>a1 s1>s2 a1>s2",
        "s0 s2",
    ),
    "five nodes, no arrows": _preset(
        {"a": (0, 0.8), "b": (1.3, 1.2), "c": (2.6, 0.8), "d": (0.6, -0.4), "e": (2, -0.4)}, "", "a c"
    ),
}


class DagEditor(Explorer):
    """Every part of the state is a trait, so Python can set it too.  A graph with a circle in it is refused."""

    _esm = script("dag_editor_math.js", "dag_editor_view.js", "dag_editor.js")

    presets = Dict(PRESETS).tag(sync=True)
    preset = Unicode().tag(sync=True)
    nodes = List(Unicode()).tag(sync=True)
    places: Any = List().tag(sync=True)  # [right, up] per node, about 1 apart
    arrows: Any = List().tag(sync=True)  # [parent, child, weight]
    observed = List(Unicode()).tag(sync=True)
    ends = List(Unicode()).tag(sync=True)

    def __init__(self, preset: str) -> None:
        super().__init__(preset=preset, **PRESETS[preset])

    @property
    def graph(self) -> g.Graph:
        """The present graph."""
        return _dag(self.nodes, self.arrows)

    @property
    def nats(self) -> float:
        """Mutual information of the two ends given the observed nodes, each node's own noise having variance 1."""
        weights = {(u, v): float(w) for u, v, w in self.arrows}
        network = g.linear_gaussian(self.graph, weights)
        x, y = self.ends
        return float(network.information(x, y, self.observed))

    @property
    def open_paths(self) -> list[g.Path]:
        """The paths that let news pass."""
        x, y = self.ends
        return g.active_paths(self.graph, x, y, self.observed)

    @validate("arrows")
    def _check_arrows(self, proposal: dict[str, Any]) -> list[list[Any]]:
        arrows: list[list[Any]] = proposal["value"]
        nodes = self.nodes or sorted({end for u, v, _ in arrows for end in (u, v)})
        try:
            _dag(nodes, arrows)
        except g.GraphError as error:
            raise TraitError(str(error)) from error
        return arrows

    def picture(self) -> Figure:
        """The graph with its observed nodes filled and its open paths thick."""
        x, y = self.ends
        marked = [pair for path in self.open_paths for pair in zip(path.nodes, path.nodes[1:], strict=False)]
        arrows = [(u, v) for u, v, _ in self.arrows]
        low = min(place[1] for place in self.places)
        places = {u: (place[0], place[1] - low) for u, place in zip(self.nodes, self.places, strict=True)}
        thick = [(u, v) for u, v in arrows if (u, v) in marked or (v, u) in marked]
        drawing = plots.Drawing(places, arrows, self.observed, thick)
        given = f" given {', '.join(self.observed)}" if self.observed else ""
        count = len(self.open_paths)
        verdict = f"{count} open path{'s' * (count > 1)}" if count else "no open path, so they are independent"
        text = g.factorization(self.graph)
        alt = f"Graph with the factors {text}. Between {x} and {y}{given}: {verdict}; they share {self.nats:.3g} nats."
        return plots.dags(
            {f"I({x}; {y}{' | ' * bool(given)}{', '.join(self.observed)}) = {self.nats:.3g} nats": drawing}, alt
        )


def dag_editor(preset: str = next(iter(PRESETS))) -> DagEditor:
    """An explorer of graphs: click a node to observe it, drag to draw arrows.

    preset: the graph to begin with, one of `PRESETS`.
    """
    if preset not in PRESETS:
        raise RangeError(f"no graph is called {preset!r}; there are: {'; '.join(PRESETS)}")
    return DagEditor(preset)


def _dag(nodes: list[str], arrows: list[list[Any]]) -> g.Graph:
    return g.dag(", ".join([*nodes, *(f"{u} -> {v}" for u, v, _ in arrows)]))
