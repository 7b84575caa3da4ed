"""nbgrader kept warm says the same as nbgrader, and is itself again afterwards."""

import gc
import operator
import weakref

import jsonschema
import nbformat
import pytest
from nbconvert.exporters import NotebookExporter
from nbgrader import api
from nbgrader.nbgraderformat import common, v3
from nbgrader.preprocessors.overwritecells import OverwriteCells  # noqa: F401  nbgrader as it is loaded when grading

from grader.warm import NEW, one_transaction, warm
from grader.warm.notebooks import validator as _validator
from tests.gradebook_file import gradebook_file

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


def test_what_has_passed_lets_nothing_pass_that_only_looks_the_same():
    with warm():
        assert verdict(GOOD) == ""
        assert verdict({**GOOD, "locked": 0}) == "0 is not of type 'boolean'"  # though 0 == False
        assert verdict({**GOOD, "points": [1]}) != ""


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


def test_in_one_transaction_all_is_written_at_the_end(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with warm():
        with api.Gradebook(url) as gradebook:
            gradebook.add_assignment("lesson")
        with one_transaction():
            with api.Gradebook(url) as gradebook:
                gradebook.add_student("ada")
            with api.Gradebook(url) as gradebook:
                assert [s.id for s in gradebook.students] == ["ada"]  # what is written can be read back
            assert names_on_disk(tmp_path) == []
        assert names_on_disk(tmp_path) == ["ada"]


def test_a_transaction_that_fails_leaves_nothing(tmp_path):
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with warm():
        with pytest.raises(RuntimeError, match="power cut"):
            half_entered(url)
        assert names_on_disk(tmp_path) == []
        with api.Gradebook(url) as gradebook:
            gradebook.add_student("ada")
    assert names_on_disk(tmp_path) == ["ada"]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own use of its database
def test_what_the_database_computes_is_asked_for_again(tmp_path):
    """A score is a sum over grades: one that was read early must not be kept."""
    url = f"sqlite:///{tmp_path / 'gradebook.db'}"
    with warm(), one_transaction(), api.Gradebook(url) as gradebook:
        gradebook.add_assignment("lesson")
        gradebook.add_notebook("n", "lesson")
        gradebook.add_grade_cell("cell", "n", "lesson", max_score=3, cell_type="code")
        gradebook.add_student("ada")
        gradebook.add_submission("lesson", "ada")
        found = gradebook.find_submission_notebook("n", "lesson", "ada")
        assert found.score == 0
        gradebook.find_grade("cell", "n", "lesson", "ada").auto_score = 2
        gradebook.db.commit()
        assert found.score == 2


def test_a_transaction_needs_a_warm_nbgrader():
    with pytest.raises(RuntimeError, match="warm"), one_transaction():
        pass


def half_entered(url):
    with one_transaction(), api.Gradebook(url) as gradebook:
        gradebook.add_student("ada")
        raise RuntimeError("power cut")


def names_on_disk(folder):
    """The students that another program sees in the database."""
    with gradebook_file(folder) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM student")]


def test_nbgrader_is_itself_again_even_after_an_error():
    before = now()
    with warm():
        assert not any(map(operator.eq, now(), before))
    assert now() == before
    with pytest.raises(RuntimeError, match="in between"), warm():
        raise RuntimeError("in between")
    assert now() == before
    assert common.jsonschema is jsonschema


def now():
    """All that `warm` puts something else in the place of."""
    there = api.create_engine, common.jsonschema, nbformat.validate
    return *there, dict(vars(api.Gradebook)), dict(vars(common.BaseMetadataValidator))


def test_a_notebook_is_validated_where_something_comes_of_it():
    damaged = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    damaged.cells[0].outputs = [{"output_type": "spell"}]
    exporter = NotebookExporter()
    exporter.register_preprocessor(lambda *what: what, enabled=True)
    with warm(), pytest.raises(nbformat.ValidationError):
        exporter.from_notebook_node(damaged)


def test_garbage_is_looked_for_seldom_and_then_as_often_as_before():
    often, frozen = gc.get_threshold(), gc.get_freeze_count()
    with warm():
        assert gc.get_threshold()[0] > often[0]
        with warm():  # as in a worker, which is a fork of a process that is warm
            assert gc.get_threshold()[0] == NEW
        assert gc.get_freeze_count() > frozen
    assert gc.get_threshold() == often
    assert gc.get_freeze_count() == 0


def test_garbage_that_has_grown_old_is_found_within_a_class_of_a_thousand():
    class Knot:
        def __init__(self) -> None:
            self.me = self

    with warm():
        knot = Knot()
        gone = weakref.ref(knot)
        gc.collect(1)  # searched twice, and in use: now it is old
        gc.collect(1)
        del knot
        kept = [[] for _ in range(1000 * 35)]  # a thousand entries leave so much
        assert gone() is None
    assert len(kept) == 35_000


def test_a_schema_that_is_read_anew_for_each_notebook_makes_one_validator():
    sizes = []
    with warm():
        for _ in range(3):
            verdict(GOOD)
            sizes.append(_validator.cache_info().currsize)
    assert sizes == sizes[:1] * 3
