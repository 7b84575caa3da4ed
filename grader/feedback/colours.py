"""Python in colours."""

from functools import lru_cache
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

KEPT = 4000  # letters; what is kept must stay small, whatever a class hands in
LONGEST = 10_000  # letters; the time for some sources grows with the square of their length

_lexer = PythonLexer(stripnl=False)
_formatter = HtmlFormatter(nowrap=True)


def coloured(source: str) -> str:
    """Source as HTML.  Short ones are kept, because most cells of a class are the lesson's."""
    return _kept(source) if len(source) <= KEPT else _made(source)


@lru_cache(maxsize=1024)
def _kept(source: str) -> str:
    return _made(source)


def _made(source: str) -> str:
    if len(source) > LONGEST:
        return f"<pre>{escape(source)}</pre>\n"
    return f"<pre>{highlight(source, _lexer, _formatter)}</pre>\n"


def rules() -> str:
    """The colours as CSS, for a light and a dark page."""
    light = HtmlFormatter(style="default").get_style_defs("pre")
    dark = HtmlFormatter(style="github-dark").get_style_defs("pre")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
