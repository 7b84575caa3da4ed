"""LaTeX to MathML, which browsers draw by themselves: no script, no font, nothing to load.

The formulas of a written answer come from a student.  So a formula has a limit of length, may not define macros (which
could multiply without end), and of the result only known elements and attributes stay.
"""

import re
from functools import lru_cache
from html import escape, unescape
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

LONGEST, SHORT = 4000, 500  # letters; short formulas are kept, for a class has them all again
DEFINES = re.compile(
    r"\\(?:def|let|newcommand|renewcommand|providecommand|DeclareMathOperator|newenvironment)(?![A-Za-z])"
)
TAG = re.compile(r"\\tag\{([^{}]{1,20})\}")
# Commands that the converter passes on as they are.
SIGNS = {
    "\\|": "‖",
    "\\Vert": "‖",
    "\\{": "{",
    "\\}": "}",
    "\\arg": "arg",
    "\\\n": " ",
    "\\ ": " ",
    "\\lfloor": "⌊",
    "\\rfloor": "⌋",
    "\\lceil": "⌈",
    "\\rceil": "⌉",
    "\\lVert": "‖",
    "\\rVert": "‖",
    "\\lvert": "|",
    "\\rvert": "|",
    "\\vert": "|",
    "\\langle": "⟨",
    "\\rangle": "⟩",
    "\\lbrace": "{",
    "\\rbrace": "}",
}
ELEMENTS = {
    "math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "msub", "msup", "msubsup", "munder", "mover",
    "munderover", "mmultiscripts", "mprescripts", "none", "mfrac", "msqrt", "mroot", "mtable", "mtr", "mtd",
    "mstyle", "mpadded", "mphantom", "menclose",
}  # fmt: skip
ATTRIBUTES = {
    "xmlns", "display", "displaystyle", "scriptlevel", "mathvariant", "stretchy", "fence", "form", "separator",
    "symmetric", "largeop", "movablelimits", "accent", "accentunder", "lspace", "rspace", "minsize", "maxsize",
    "linethickness", "columnalign", "rowalign", "columnspacing", "rowspacing", "columnlines", "rowlines", "frame",
    "notation",
}  # fmt: skip
_DIGITS = {str(i): chr(0x1D7CE + i) for i in range(10)}
_GREEK = {chr(0x3B1 + i): i for i in range(25)} | {"ϵ": 26, "ϑ": 27, "ϕ": 29, "ϱ": 30, "ϖ": 31}
_CAPITALS = {chr(0x391 + i): i for i in range(25)}
BOLD = {
    name: _DIGITS | {c: chr(small + i) for c, i in _GREEK.items()} | {c: chr(large + i) for c, i in _CAPITALS.items()}
    for name, small, large in (("bold", 0x1D6C2, 0x1D6A8), ("bold-italic", 0x1D736, 0x1D71C))
}  # Unicode, Mathematical Alphanumeric Symbols
WIDE = re.compile(r"-?\d{0,2}(?:\.\d{1,4})?(?:em|ex|px|pt)?")  # a width as formulas have it, not as pages have it


def mathml(latex: str, *, block: bool = False) -> str:
    """A formula as MathML, its number beside it; one that cannot be converted, as it was written."""
    return _kept(latex, block) if len(latex) <= SHORT else _made(latex, block)


@lru_cache(maxsize=2048)
def _kept(latex: str, block: bool) -> str:
    return _made(latex, block)


def _made(latex: str, block: bool) -> str:
    latex = unescape(latex)  # Markdown that was made harmless has &lt; for <
    if block and (tag := TAG.search(latex)):
        formula = mathml(TAG.sub("", latex, count=1), block=True)
        return f'<div class="equation">{formula}<span>({escape(tag[1])})</span></div>'
    made = _converted(latex, block)
    return made if made is not None else f'<code class="tex">{escape(latex.strip())}</code>'


def _converted(latex: str, block: bool) -> str | None:
    if len(latex) > LONGEST or DEFINES.search(latex):
        return None
    try:
        element = convert_to_element(latex.strip(), display="block" if block else "inline")
        _clean(element)
        return tostring(element, encoding="unicode")
    except Exception:  # whatever a student wrote there: it must not stop the page
        return None


def _clean(element: Element) -> None:
    """Leave what is known.  Raises ValueError for anything else, which then is no formula."""
    for e in element.iter():
        if e.tag not in ELEMENTS:
            raise ValueError(f"<{e.tag}> is no element of a formula")
        e.attrib = {k: v for k, v in e.attrib.items() if k in ATTRIBUTES or (k == "width" and WIDE.fullmatch(v))}
        e.text, e.tail = unescape(e.text or ""), unescape(e.tail or "")  # the converter writes signs as entities
        e.text = SIGNS.get(e.text, e.text)
        if "\\" in e.text and e.tag != "mtext":
            raise ValueError(f"{e.text} is not known")
        if bold := BOLD.get(e.attrib.get("mathvariant", "")):  # else browsers do not draw it bold
            e.text = "".join(bold.get(c, c) for c in e.text)
