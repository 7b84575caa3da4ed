"""What a lesson's own text says: its title, how long it takes, and what its exercises are called."""

import json
import re
from functools import lru_cache
from pathlib import Path

WORDS = "zero one two three four five six seven eight nine ten eleven twelve"
TENS = {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "forty-five": 45, "fifty": 50, "ninety": 90}
NUMBERS = {**{word: n for n, word in enumerate(WORDS.split(" "))}, "a": 1, "an": 1, **TENS}
TIME = re.compile(r"\*\*Time\.?\*\*\s+(?:About\s+)?([^:.;]*?)\s*\b(minutes?|hours?)\b(\s+and a half)?", re.IGNORECASE)


def stated_minutes(text: str) -> int | None:
    """The minutes in "**Time.** About three and a half hours: ..."; None if it says nothing that is understood."""
    found = TIME.search(text)
    if not found:
        return None
    words, unit, tail = " ".join(found[1].lower().split()), found[2].lower(), found[3]
    half = 0.5 if tail or words.endswith(" and a half") else 0.0
    words = words.removesuffix(" and a half")
    if words in ("half", "half an", "half a"):
        value = 0.5
    elif words in NUMBERS:
        value = float(NUMBERS[words])
    elif words.isdecimal():
        value = float(words)
    else:
        return None
    return round((value + half) * (60 if unit.startswith("hour") else 1))


def title(text: str) -> str:
    """The first heading, with the lesson's number: "02 The forward process"; empty if there is none."""
    return next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), "")


@lru_cache(maxsize=64)
def markdown(notebook: Path) -> str:
    """All text cells of a notebook, one after the other; empty if it is not there or cannot be read."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def heading(text: str, name: str) -> str:
    """What the text calls an exercise, "Exercise 0.1: from the file ..."; its name if it has no heading."""
    found = re.search(rf"^#+ (Exercise [^\n]+)\n+`{re.escape(name)}`", text, re.MULTILINE)
    return found[1].strip() if found else name
