"""Python in colours."""

from functools import lru_cache

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

_lexer = PythonLexer(stripnl=False)
_formatter = HtmlFormatter(nowrap=True)


@lru_cache(maxsize=4096)
def coloured(source: str) -> str:
    """Source as HTML.  Kept, because most cells of a class are the lesson's."""
    return f"<pre>{highlight(source, _lexer, _formatter)}</pre>\n"


def rules() -> str:
    """The colours as CSS, for a light and a dark page."""
    light = HtmlFormatter(style="default").get_style_defs("pre")
    dark = HtmlFormatter(style="github-dark").get_style_defs("pre")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"
