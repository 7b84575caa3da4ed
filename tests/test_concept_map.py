"""The map of the course: its equations, its marks, its words."""

import json
import re

import pytest

from diffkit.equations import EQUATIONS
from diffkit.errors import RangeError
from diffkit.explorers import concept_map
from diffkit.explorers.concept_map import ARROWS, CONCEPTS

LIVE = "application/vnd.jupyter.widget-view+json"


def shown(explorer):
    return json.loads(explorer.concepts)


def test_every_line_on_the_map_is_an_equation_that_runs():
    for arrow in ARROWS:
        for tag in [arrow.tag, *re.findall(r"\((\d+\.\d+)\)", arrow.says)]:
            assert EQUATIONS[tag].run(0).holds, tag
        assert set(arrow.ends) <= set(CONCEPTS)


def test_every_arrow_of_the_lessons_map_is_on_it():
    told = " ".join(f"{arrow.tag} {arrow.says}" for arrow in ARROWS)
    missing = [n for n in range(1, 15) if not re.search(rf"\b13\.{n}\b", told)]
    assert missing == []


def test_one_can_walk_from_every_concept_to_every_other():
    reached = {"score"}
    for _ in CONCEPTS:
        reached |= {end for arrow in ARROWS if reached & set(arrow.ends) for end in arrow.ends}
    assert reached == set(CONCEPTS)


def test_no_two_boxes_lie_on_each_other():
    assert len({c.place for c in CONCEPTS.values()}) == len(CONCEPTS)


def test_without_progress_nothing_is_begun():
    assert {c["state"] for c in shown(concept_map()).values()} == {"not begun"}
    assert concept_map({}).concepts == concept_map(None).concepts


def test_progress_is_told_by_sign_and_words_and_not_by_colour_alone():
    found = shown(concept_map({"06": 1, "05": 0.42, "07": 0.001, "08": 0.999}))
    assert (found["score"]["sign"], found["score"]["state"]) == ("●", "done")
    assert (found["ddpm"]["sign"], found["ddpm"]["state"]) == ("◐", "begun, 42 %")
    assert found["langevin"]["state"] == "begun, 1 %"
    assert found["sde"]["state"] == "begun, 99 %"
    assert (found["vae"]["sign"], found["vae"]["state"]) == ("○", "not begun")
    words = concept_map({"05": 0.42}).picture().alt
    assert "DDPM begun, 42 %" in words


@pytest.mark.parametrize(
    ("done", "advice"),
    [
        ({"5": 1.0}, "two digits"),
        ({"14": 1.0}, "'00' to '13'"),
        ({"05": 1.2}, "from 0 to 1"),
        ({"05": "x"}, "a number"),
    ],
)
def test_what_is_no_progress_is_refused_with_advice(done, advice):
    with pytest.raises(RangeError, match=advice):
        concept_map(done)


def test_an_unknown_concept_names_the_known_ones():
    explorer = concept_map()
    with pytest.raises(RangeError, match="langevin"):
        explorer.chosen = "spoon"
    assert explorer.chosen == "score"


def test_the_picture_stands_in_where_nothing_runs():
    explorer = concept_map({"06": 1})
    explorer.chosen = "ode"
    data_of, _ = explorer._repr_mimebundle_()
    assert LIVE in data_of
    words = data_of["text/plain"]
    assert "Chosen: probability flow, lesson 09." in words
    assert "DDIM: DDIM = Euler steps" in words
    assert len(data_of["image/png"]) > 10_000


def test_the_chosen_concept_changes_the_picture():
    explorer = concept_map()
    before = explorer.picture().png
    explorer.chosen = "vae"
    assert explorer.picture().png != before
