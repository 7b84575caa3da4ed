"""What `nbgrader generate_feedback` writes pages with; `nbgrader_config.py` names it."""

from typing import Any

from nbconvert.exporters import Exporter
from nbformat.notebooknode import NotebookNode

from grader.feedback.page import page


class FeedbackPage(Exporter):
    """A graded notebook to a page of its own."""

    file_extension = ".html"
    output_mimetype = "text/html"

    def from_notebook_node(self, nb: NotebookNode, resources: Any = None, **kw: Any) -> tuple[Any, Any]:
        """Run nbgrader's steps, then write the page."""
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        return page(nb, resources["nbgrader"]), resources
