"""No hostile submission gains a point, reads a secret or harms anybody; every honest one has full marks."""

import pytest

from tests.attacks.arena import arena
from tests.attacks.attack import Attack
from tests.attacks.families import ATTACKS, BY_NAME, CONTROLS
from tests.attacks.verdicts import disappointed, disturbed, gained, harmed, leaked, unclear
from tests.sandbox_helpers import needs_bubblewrap

# `make test` runs each file in one worker, so the batches are graded once.
# The warnings are of nbgrader's libraries.
pytestmark = [needs_bubblewrap, pytest.mark.filterwarnings("ignore")]
EVERY = [(family, attack) for family, attacks in ATTACKS.items() for attack in attacks]
each_attack = pytest.mark.parametrize(("family", "attack"), EVERY, ids=[attack.name for _, attack in EVERY])


@pytest.fixture(scope="module")
def done():
    """All batches, graded once."""
    with arena() as graded:
        yield graded


@each_attack
def test_no_attack_gains_points(done, family: str, attack: Attack) -> None:
    assert gained(done.of(family), attack) == []


@each_attack
def test_no_attack_reads_a_secret(done, family: str, attack: Attack) -> None:
    assert leaked(done.of(family), attack) == []


@each_attack
def test_no_attack_is_active_on_a_page(done, family: str, attack: Attack) -> None:
    assert harmed(done.of(family), attack) == []


@each_attack
def test_every_attack_has_one_clear_line_in_the_report(done, family: str, attack: Attack) -> None:
    assert unclear(done.of(family), attack) == []


@pytest.mark.parametrize("control", CONTROLS, ids=[c.name for c in CONTROLS])
def test_honest_work_has_full_marks(done, control: Attack) -> None:
    assert disappointed(done.controls, control) == []


def test_no_other_grade_and_nothing_on_the_machine_was_touched(done) -> None:
    assert disturbed(done) == []


def test_the_suite_is_as_large_as_promised() -> None:
    assert len(EVERY) >= 100
    assert len(CONTROLS) >= 15
    assert len(BY_NAME) == len(EVERY) + len(CONTROLS), "two entries have the same name"
    assert all(a.tries for a in BY_NAME.values())
