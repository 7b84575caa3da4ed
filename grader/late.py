"""Late penalties: a share of the score for each day that has begun.

nbgrader asks this plug-in while autograding, if the lesson has a due date and the submission a time.
"""

from math import ceil

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float

DAY = 24 * 60 * 60


class DailyPenalty(LateSubmissionPlugin):
    """No penalty as it is; set `percent_per_day` for one."""

    percent_per_day = Float(0.0, min=0.0, max=100.0, help="Taken off the score for each day begun.").tag(config=True)
    grace_minutes = Float(0.0, min=0.0, help="As late as this costs nothing.").tag(config=True)
    most_percent = Float(100.0, min=0.0, max=100.0, help="Never more than this is taken off.").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """Points to take off, or None for none."""
        if self.percent_per_day == 0 or total_seconds_late <= 60 * self.grace_minutes:
            return None
        percent = min(self.percent_per_day * ceil(total_seconds_late / DAY), self.most_percent)
        return float(score) * percent / 100
