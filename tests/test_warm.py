"""nbgrader kept warm says the same as nbgrader, and is itself again afterwards."""

import jsonschema
import pytest
from nbgrader import api
from nbgrader.nbgraderformat import common, v3
from nbgrader.preprocessors.overwritecells import OverwriteCells  # noqa: F401  nbgrader as it is loaded when grading

from grader.warm import warm

GOOD = {"grade_id": "a", "grade": False, "solution": True, "locked": False, "schema_version": 3, "task": False}
WRONG = [
    {**GOOD, "grade": "yes"},
    {**GOOD, "points": -1},
    {**GOOD, "extra": 1},
    {"grade_id": "a"},
    {**GOOD, "locked": 3},
]


def verdict(metadata):
    """What nbgrader's validator says of a cell's metadata."""
    schema = v3.MetadataValidatorV3().schema
    try:
        common.jsonschema.validate(metadata, schema)
    except common.ValidationError as error:
        return error.message
    return ""


@pytest.mark.parametrize("metadata", [GOOD, *WRONG])
def test_it_refuses_the_same_metadata_with_the_same_words(metadata):
    cold = verdict(metadata)
    with warm():
        assert verdict(metadata) == cold
    assert (cold == "") == (metadata is GOOD)


def test_a_gradebook_is_the_same_and_its_engine_is_kept(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with warm():
        with api.Gradebook(url) as gradebook:
            gradebook.add_assignment("lesson")
            engine = gradebook.engine
        with api.Gradebook(url) as gradebook:
            assert gradebook.engine is engine
            assert [a.name for a in gradebook.assignments] == ["lesson"]
    with api.Gradebook(url) as gradebook:
        assert gradebook.engine is not engine
        assert [a.name for a in gradebook.assignments] == ["lesson"]


def test_nbgrader_is_itself_again_even_after_an_error():
    before = api.create_engine, common.jsonschema
    with pytest.raises(RuntimeError, match="in between"), warm():
        raise RuntimeError("in between")
    assert (api.create_engine, common.jsonschema) == before
    assert common.jsonschema is jsonschema
