"""Formulas as MathML, which browsers set by themselves: no script, no network, and screen readers can read it.

latex2mathml translates.  What browsers leave out of MathML is mended here: bold letters become letters of their own,
functions get a little space, and the number of an equation stands at the right.
"""

import html
import re
import unicodedata

from latex2mathml.converter import convert

TAG = re.compile(r"\\tag\{([^}]*)\}")
# What the translator leaves as it is, in words that it knows.
UNKNOWN = {r"\|": "‖", r"\Vert": "‖", r"\lfloor": "⌊", r"\rfloor": "⌋", r"\arg": r"\operatorname{arg}"}
STYLED = re.compile(r'<(mi|mn) mathvariant="(bold-italic|bold)">([^<]+)</\1>')
# A function before its argument, unless it carries an index, which would be separated from it.
FUNCTION = re.compile(
    r"(?<!<msub>)(?<!<msup>)(?<!<munder>)(<mi>(?:log|exp|cos|sin|tanh|det|arg)</mi>)(?=<m(?:i|n|row|over|sub|sup|subsup|frac)>)"
)
SPACE = '<mspace width="0.17em"/>'


class FormulaError(ValueError):
    """A formula cannot be set.  The message shows it."""


def mathml(latex: str, *, display: bool = False) -> str:
    """One formula, without its dollars.  display: on a line of its own, with the number of its tag.

    Raises FormulaError if something of the LaTeX is left in the result.
    """
    body, tags = TAG.sub("", html.unescape(latex)).strip(), TAG.findall(latex)
    for word, known in UNKNOWN.items():
        body = re.sub(rf"{re.escape(word)}(?![A-Za-z])", known.replace("\\", r"\\"), body)
    try:
        made = convert(body, display="block" if display else "inline")
    except Exception as error:  # the translator has no error of its own; whatever it says, the formula is to be mended
        raise FormulaError(f"this formula cannot be set: {body}") from error
    made = FUNCTION.sub(rf"\1{SPACE}", STYLED.sub(_letters, made))
    if left := re.search(r"\\\w+", html.unescape(made)):
        raise FormulaError(f"{left[0]} is left in the formula {body}")
    if not display:
        return made
    number = f'<span class="number">({html.escape(tags[0])})</span>' if tags else ""
    return f'<div class="formula">{made}{number}</div>'


def _letters(match: re.Match[str]) -> str:
    """Browsers know bold letters only as letters of their own: U+1D6C2 for a bold alpha."""
    kind = match[2].upper().replace("-", " ")
    return f"<{match[1]}>{''.join(_letter(c, kind) for c in html.unescape(match[3]))}</{match[1]}>"


def _letter(letter: str, kind: str) -> str:
    name = unicodedata.name(letter, "")
    plain = re.sub(r"GREEK |LATIN |LETTER |LUNATE ", "", name)
    for style in (kind, "BOLD"):
        try:
            return unicodedata.lookup(f"MATHEMATICAL {style} {plain}")
        except KeyError:
            continue
    return letter
