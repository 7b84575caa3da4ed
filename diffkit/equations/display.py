"""How a notebook shows an equation that ran: the formula, both sides, the largest difference."""

from dataclasses import dataclass

from torch import Tensor

from diffkit.equations import notation as _notation
from diffkit.equations.registry import TOLERANCE, Equation, find


@dataclass(frozen=True)
class Shown:
    """Markdown in a notebook, plain text elsewhere."""

    markdown: str
    text: str

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/markdown": self.markdown, "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


def equation(tag: str, seed: int = 0) -> Shown:
    """Run equation (tag) on inputs drawn from the seed and show formula, both sides and the largest difference."""
    found = find(tag)
    if found.erratum:
        raise KeyError(f"({tag}) is a wrong form, kept to be refuted: show it with erratum({tag!r})")
    return _show(found, seed)


def erratum(tag: str, seed: int = 0) -> Shown:
    """Run a wrong form that is printed somewhere, and show by how much its sides differ."""
    found = find(tag)
    if not found.erratum:
        raise KeyError(f"({tag}) is no erratum: show it with equation({tag!r})")
    return _show(found, seed)


def notation(lesson: str) -> Shown:
    """The symbols that a lesson's equations use, as a table."""
    return Shown(_notation.table(lesson), _notation.table(lesson))


def _show(e: Equation, seed: int) -> Shown:
    result = e.run(seed)
    sign = "=" if e.relation == "=" else "<="
    if result.holds:
        verdict = f"holds: largest relative difference {result.difference:.1e} (allowed {TOLERANCE:.0e})"
    else:
        verdict = f"does not hold: largest relative difference {result.difference:.1e}"
    if e.erratum:
        verdict += f". {e.erratum}"
    rows = [("left side", _few(result.left)), ("right side", _few(result.right))]
    text = "\n".join([f"({e.tag})  {e.latex}", *(f"  {name}: {value}" for name, value in rows), f"  {verdict}"])
    cells = "\n".join(f"| {name} | `{value}` |" for name, value in rows)
    mark = "✓" if result.holds else "✗"
    markdown = f"$${e.latex} \\tag{{{e.tag}}}$$\n\n| ({e.tag}) {sign} | seed {seed} |\n| --- | --- |\n{cells}\n\n{mark} {verdict}"
    return Shown(markdown, text)


def _few(x: Tensor, most: int = 4) -> str:
    flat = x.flatten()
    head = ", ".join(f"{v:.6g}" for v in flat[:most].tolist())
    return head if len(flat) <= most else f"{head}, ... ({len(flat)} numbers)"
