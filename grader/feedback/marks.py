"""The gradebook's marks and comments, put into a graded notebook."""

from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.preprocessors import NbGraderPreprocessor


class Marks(NbGraderPreprocessor):
    """As nbgrader's `GetGrades`, which asks the gradebook for each cell; this reads a notebook's marks at once."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Fill in score, points and comment of each cell, whether it waits for a person, and the sums."""
        where = resources["nbgrader"]
        with Gradebook(where["db_url"]) as gradebook:
            mine = gradebook.find_submission_notebook(where["notebook"], where["assignment"], where["student"])
            grades = {g.name: (float(g.score), float(g.max_score)) for g in mine.grades}
            waiting = {g.name for g in mine.grades if g.needs_manual_grade and g.manual_score is None}
            comments = {c.name: c.comment for c in mine.comments}
            penalty = float(mine.late_submission_penalty or 0.0)
        for cell in nb.cells:
            grading = cell.metadata.get("nbgrader", {})
            name = grading.get("grade_id")
            if grading.get("grade"):
                grading["score"], grading["points"] = grades[name]
                grading["waits"] = name in waiting
            if grading.get("solution"):
                grading["comment"] = comments.get(name)
        score, of = (sum(g[i] for g in grades.values()) for i in (0, 1))
        where |= {"score": max(score - penalty, 0.0), "max_score": of, "late_penalty": penalty}
        return nb, resources
