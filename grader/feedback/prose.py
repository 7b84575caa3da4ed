"""Markdown to HTML for a page that is opened from a disk: no raw HTML, no scripts, nothing that is loaded."""

import re
from functools import lru_cache
from html import escape, unescape
from typing import Any

import mistune
from nbconvert.filters.markdown_mistune import MarkdownWithMath

from grader.feedback.colours import KEPT, LONGEST, coloured
from grader.feedback.maths import mathml

LINK = re.compile(r"https?://|mailto:|#", re.IGNORECASE)
# A picture that lies beside the notebook, and so beside the page.
PICTURE = re.compile(r"(?!/)[\w ./-]{1,200}\.(?:png|jpe?g|gif)")


class _Renderer(mistune.HTMLRenderer):
    """Text, formulas, tables, code, links that are clicked and not loaded."""

    def __init__(self) -> None:
        super().__init__(escape=True)

    def text(self, text: str) -> str:
        return escape(unescape(text), quote=False)  # what was made harmless before is not to be seen as an entity

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def block_math(self, body: str) -> str:
        return mathml(body, block=True)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True)

    def block_code(self, code: str, info: str | None = None) -> str:
        return coloured(code) if (info or "").strip() in ("python", "py") else f"<pre>{escape(unescape(code))}</pre>\n"

    def codespan(self, text: str) -> str:
        return f"<code>{escape(unescape(text))}</code>"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        url = unescape(url).strip()
        if not LINK.match(url):
            return text
        return f'<a href="{escape(url)}" rel="noopener noreferrer">{text}</a>'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if PICTURE.fullmatch(url) and ".." not in url.split("/"):
            return f'<img src="{escape(url)}" alt="{escape(unescape(text))}">'
        return f"(picture: {text})"

    def inline_html(self, html: str) -> str:
        return escape(html)

    def block_html(self, html: str) -> str:
        return f"<p>{escape(html)}</p>\n"

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        return f"<h{min(level + 1, 6)}>{text}</h{min(level + 1, 6)}>\n"  # the page's own title is the first


_markdown = MarkdownWithMath(renderer=_Renderer())


def html(markdown: str) -> str:
    """The text as HTML, a very long one as it is.  Short ones are kept: a class has the same lesson a hundred times."""
    if len(markdown) > LONGEST:
        return f"<pre>{escape(unescape(markdown))}</pre>\n"
    return _kept(markdown) if len(markdown) <= KEPT else str(_markdown(markdown))


@lru_cache(maxsize=1024)
def _kept(markdown: str) -> str:
    return str(_markdown(markdown))
