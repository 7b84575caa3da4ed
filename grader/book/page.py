"""From an executed notebook to a page."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat.notebooknode import NotebookNode

from grader.book.formulas import mathml
from grader.learner.lesson_text import stated_minutes, title
from grader.learner.shown import duration

PROMISE = re.compile(r"\*\*What you will be able to do[^*]*\*\*\s*(.+?)(?:\n\s*\n|$)", re.DOTALL)
ROW_MATH = re.compile(r"(?<!\\)\$[^$]+\$")
PICTURE = re.compile(r'<img [^>]*src="data:image/png[^>]*>')


class _Renderer(IPythonRenderer):  # type: ignore[misc,unused-ignore]
    """Markdown with formulas as MathML."""

    def block_math(self, body: str) -> str:
        return mathml(body, display=True)

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def multiline_math(self, text: str) -> str:
        return mathml(text.strip().removeprefix("$$").removesuffix("$$"), display=True)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", display=True)


def render_markdown(text: str) -> str:
    """Markdown as HTML.  A bar in a formula must not end the cell of a table."""
    lines = [ROW_MATH.sub(_without_bars, line) if line.startswith("|") else line for line in text.split("\n")]
    text = "\n".join(lines)
    return str(MarkdownWithMath(renderer=_Renderer(escape=False)).render(text))


def _without_bars(formula: re.Match[str]) -> str:
    return formula[0].replace(r"\|", r"\Vert ").replace("|", r"\vert ")


class _Exporter(HTMLExporter):  # type: ignore[misc,unused-ignore]
    """nbconvert's HTML of cells, with our formulas."""

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        yield from super().default_filters()
        yield "markdown2html", render_markdown


@dataclass(frozen=True)
class Page:
    """One page.  file: its name; body: HTML of the cells; promise: what the reader will learn, Markdown; picture: an
    <img> or nothing; minutes: of reading and exercises together, 0 if not stated."""

    file: str
    title: str
    body: str
    promise: str = ""
    picture: str = ""
    minutes: int = 0


def page_of(name: str, notebook: NotebookNode) -> Page:
    """The page of a lesson.  name: NN_topic."""
    exporter = _Exporter(template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.exclude_anchor_links = True
    body, _ = exporter.from_notebook_node(notebook)
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    promise, picture = PROMISE.search(text), PICTURE.search(body)
    return Page(
        f"{name}.html",
        title(text) or name,
        body,
        " ".join(promise[1].split()) if promise else "",
        picture[0] if picture else "",
        stated_minutes(text) or 0,
    )


def whole(page: Page, pages: Sequence[Page]) -> str:
    """The HTML file of a page, with the way to all others."""
    at = [p.file for p in pages].index(page.file)
    around = [("Back: ", at - 1), ("Next: ", at + 1)]
    steps = [
        f'<a href="{pages[k].file}">{word}{_text(pages[k].title)}</a>' for word, k in around if 0 <= k < len(pages)
    ]
    return _frame(
        page.title, pages, page.file, f'{page.body}\n<nav class="steps" aria-label="Pages">{"".join(steps)}</nav>'
    )


def front(pages: Sequence[Page]) -> str:
    """The first page: what the book is, and a card for each lesson."""
    cards = "\n".join(_card(page) for page in pages)
    text = (
        "<h1>diffkit</h1>\n<p class=lead>A course on diffusion models in which every equation runs and every answer is "
        "checked.</p>\n<p>This is the course to read: text, formulas, outputs and pictures. The exercises are shown as "
        "students get them. To solve them, to have them checked, and to move the sliders, open the notebooks in "
        f"JupyterLab.</p>\n<ol class=cards>\n{cards}\n</ol>"
    )
    return _frame("A course on diffusion models", pages, "index.html", text)


def _card(page: Page) -> str:
    time = f"<p class=time>about {duration(page.minutes)}, with the exercises</p>" if page.minutes else ""
    promise = render_markdown(page.promise) if page.promise else ""
    return f'<li>{page.picture}<h2><a href="{page.file}">{_text(page.title)}</a></h2>{promise}{time}</li>'


def _frame(title: str, pages: Sequence[Page], here: str, text: str) -> str:
    links = "".join(
        f'<li><a href="{p.file}"{" aria-current=page" if p.file == here else ""}>{_text(p.title)}</a></li>'
        for p in pages
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{_text(title)} · diffkit</title>
<link rel="stylesheet" href="book.css">
</head>
<body>
<a class="skip" href="#text">Skip to the text</a>
<nav class="contents" aria-label="Contents"><p><a href="index.html">diffkit</a></p><ul>{links}</ul></nav>
<main id="text">
{text}
</main>
</body>
</html>
"""


def _text(title: str) -> str:
    return html.escape(title.replace("$", ""))


def style(folder: Path, font: str) -> str:
    """The style sheet: our own, colours of code for light and dark pages, and the font of formulas inside.

    A font in a file of its own would be refused by browsers that read the book from a disk.
    """
    from pygments.formatters import HtmlFormatter

    light, dark = (HtmlFormatter(style=name).get_style_defs(".highlight") for name in ("vs", "github-dark"))
    face = f'@font-face {{ font-family: "Formulas"; src: url("data:font/woff;base64,{font}") format("woff"); }}'
    own = (folder / "book.css").read_text(encoding="utf-8")
    face = (
        f"/* A part of STIX Two Math. Copyright The STIX Fonts Project Authors, SIL Open Font License 1.1. */\n{face}"
    )
    return f"{face}\n{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{own}"
