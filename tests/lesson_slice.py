"""The cells of a solved lesson that one of its cells needs, so that a test can run that cell without all the others."""

import builtins
import symtable
from pathlib import Path

import nbformat

from grader.build.colab import TAG

ROOT = Path(__file__).resolve().parent.parent


def code_cells(lesson):
    """The code cells of the solved notebook, in order, as text; without the one for Colab, which is no plain Python."""
    nb = nbformat.read(ROOT / "solutions" / lesson / f"{lesson[3:]}.ipynb", as_version=4)
    return [c.source for c in nb.cells if c.cell_type == "code" and TAG not in c.metadata.get("tags", [])]


def slice_to(cells, target):
    """The cell that contains `target`, and before it, in order, every cell that defines a name which is used."""
    place = next(i for i, source in enumerate(cells) if target in source)
    kept, wanted = [cells[place]], used(cells[place])
    for source in reversed(cells[:place]):
        if found := made(source) & wanted:
            kept.insert(0, source)
            wanted = (wanted - found) | used(source)
    return kept


def made(source):
    """The names that a cell binds at its top level."""
    return {
        v.get_name()
        for v in symtable.symtable(source, "cell", "exec").get_symbols()
        if v.is_assigned() or v.is_imported()
    }


def used(source):
    """The names that a cell, or a function in it, reads and that it does not bind itself."""
    tables, names = [symtable.symtable(source, "cell", "exec")], set()
    while tables:
        table = tables.pop()
        top = table.get_type() == "module"
        names |= {v.get_name() for v in table.get_symbols() if v.is_referenced() and (top or v.is_global())}
        tables += table.get_children()
    return names - made(source) - set(dir(builtins))
