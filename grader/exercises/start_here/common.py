"""What the exercises of this lesson share: criteria, and the names that would give answers away."""

from grader.exercise import Criterion

VALUE = "the right numbers"
CLEAN = "inputs untouched, gradients flow"

WITHHOLDS = (
    "diffkit.gaussian.randn_like",
    "diffkit.schedule.broadcast",
    "diffkit.schedule.Schedule.at",
)


def criteria(
    value: float, edges: float = 0.0, clean: float = 0.0, *, at: str = "", clean_text: str = CLEAN
) -> tuple[Criterion, ...]:
    """The usual three criteria with their points.  at: which edge cases are asked."""
    all_three = (
        Criterion("value", value, VALUE),
        Criterion("edges", edges, f"edge cases: {at}"),
        Criterion("clean", clean, clean_text),
    )
    return tuple(c for c in all_three if c.points)
