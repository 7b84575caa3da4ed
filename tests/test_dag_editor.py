"""The graph editor in Python: its graphs, its number, its picture.  The browser's side is in tests/browser."""

import math

import pytest
from traitlets import TraitError

from diffkit.errors import RangeError
from diffkit.explorers import dag_editor
from diffkit.explorers.dag_editor import PRESETS
from diffkit.graph import examples

SAME_GRAPH = {
    "fork: a = 5c + noise, b = c + noise": examples.fork(),
    "chain": examples.chain(),
    "collider": examples.collider(),
    "five nodes": examples.five_nodes(),
    "diffusion chain": examples.diffusion_chain(4),
    "states and actions": examples.reinforcement_chain(2),
}


@pytest.mark.parametrize("name", SAME_GRAPH)
def test_a_graph_of_the_lecture_is_the_librarys(name):
    editor = dag_editor(name)
    assert set(editor.graph) == set(SAME_GRAPH[name])
    assert set(editor.graph.edges) == set(SAME_GRAPH[name].edges)


@pytest.mark.parametrize("name", PRESETS)
def test_every_graph_to_begin_with_fits_together(name):
    editor = dag_editor(name)
    assert len(editor.places) == len(editor.nodes)
    assert set(editor.ends) <= set(editor.nodes)
    assert (editor.nats > 1e-9) == bool(editor.open_paths)


def test_the_number_of_the_fork_is_that_of_the_lecture():
    editor = dag_editor()
    assert editor.nats == pytest.approx(-0.5 * math.log(1 - 25 / 52), rel=1e-12)
    editor.observed = ["c"]
    assert editor.nats < 1e-12
    assert editor.open_paths == []


def test_observing_the_collider_or_its_child_opens_it():
    editor = dag_editor("alarm c, and a neighbour's call d")
    assert editor.open_paths == []
    editor.observed = ["d"]
    from_child = editor.nats
    editor.observed = ["c"]
    assert 0 < from_child < editor.nats


def test_two_paths_may_cancel():
    editor = dag_editor("two ways")
    editor.arrows = [[u, v, -1.0 if (u, v) == ("d", "b") else w] for u, v, w in editor.arrows]
    assert len(editor.open_paths) == 2
    assert editor.nats < 1e-12


def test_a_circle_is_refused_and_changes_nothing():
    editor = dag_editor("chain")
    before = list(editor.arrows)
    with pytest.raises(TraitError, match="circle"):
        editor.arrows = [*before, ["b", "a", 1.0]]
    assert editor.arrows == before


def test_an_unknown_graph_names_the_known_ones():
    with pytest.raises(RangeError, match="collider"):
        dag_editor("spoon")


def test_the_picture_says_in_words_what_it_shows():
    editor = dag_editor("collider")
    assert "no open path, so they are independent" in editor.picture().alt
    editor.observed = ["c"]
    words = editor.picture().alt
    assert "p(a) p(b) p(c|a,b)" in words
    assert "Between a and b given c: 1 open path;" in words
    assert f"{editor.nats:.3g} nats" in words
