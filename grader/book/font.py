"""The font of formulas: STIX Two Math, reduced to the letters that the book has."""

import base64
import html
import io
import logging
import re
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from grader.book.formulas import FormulaError

# Signs that browsers draw by themselves around others: roots and brackets.
ALWAYS = "√()[]{}|‖⟨⟩⌊⌋⌈⌉⏞⏟¯^~→=+−∑∏∫"


def font_for(pages: Iterable[str]) -> str:
    """The font with the letters of these pages' formulas, as a WOFF file in base64."""
    from fontTools import subset

    letters = {c for page in pages for formula in re.findall(r"<math.*?</math>", page) for c in html.unescape(formula)}
    options = subset.Options()
    options.flavor = "woff"
    options.layout_features = ["*"]
    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)  # it tells what it leaves out
    font = subset.load_font(_stix(), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(letters)) + ALWAYS)
    subsetter.subset(font)
    out = io.BytesIO()
    subset.save_font(font, out, options)
    font.close()
    return base64.b64encode(out.getvalue()).decode()


def _stix() -> Path:
    """The font file in the package ziamath, which is not imported: nothing else of it is needed."""
    spec = find_spec("ziamath")
    if spec is None or not spec.submodule_search_locations:
        raise FormulaError('the font of formulas is not installed:  pip install -c constraints.txt -e ".[book]"')
    return Path(spec.submodule_search_locations[0]) / "fonts" / "STIXTwoMath-Regular.ttf"
