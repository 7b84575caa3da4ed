"""The book reads offline, shows outputs, pictures and formulas, and tells no solution."""

import base64
import html
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from diffkit.equations import EQUATIONS
from grader.book.__main__ import main, told
from grader.book.font import font_for
from grader.book.formulas import FormulaError, mathml
from grader.book.page import render_markdown
from grader.book.run import executed, for_readers
from grader.build.__main__ import main as build_command
from grader.build.lessons import lessons
from grader.learner.place import VARIABLE
from tests.house_files import ROOT
from tests.small_lesson import NAME, TEXT, course

CHECK = "def check(name, f):\n    return f(2.0)\n\n\ndef equation(tag):\n    pass\n"
# What makes a browser load something; a link that waits for a click does not.
LOADS = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "object": "data",
    "video": "src",
}


class Page(HTMLParser):
    """What a page loads, where it links to, and its pictures."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.links, self.pictures, self.ids, self.scripts = [], [], [], set(), 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.scripts += tag == "script"
        self.ids.add(found.get("id"))
        if tag in LOADS and found.get(LOADS[tag]):
            self.loaded.append(found[LOADS[tag]])
        if "srcset" in found or "url(" in (found.get("style") or ""):
            self.loaded.append(str(found))
        if tag == "a":
            self.links.append(found["href"])
        if tag == "img":
            self.pictures.append(found)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The book of one real lesson."""
    out = tmp_path_factory.mktemp("book")
    (out / "mine").mkdir()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(VARIABLE, str(out / "mine" / "progress.json"))
        assert main(["00_start_here", "--root", str(ROOT), "--out", str(out), "--cache", str(out / "cache")]) == 0
    return out


@pytest.fixture(scope="module")
def page(book):
    return (book / "00_start_here.html").read_text(encoding="utf-8")


def small_course(folder, text=TEXT):
    root = course(folder, text.replace("import math\n", f"import math\n\n{CHECK}"))
    assert build_command(["--root", str(root)]) == 0
    return root


def test_nothing_is_loaded_from_elsewhere(book):
    for file in book.glob("*.html"):
        seen = Page(file.read_text(encoding="utf-8"))
        assert seen.scripts == 0
        assert seen.loaded
        for address in seen.loaded:
            assert address.startswith("data:image/") or (book / address).is_file(), address[:80]
    css = (book / "book.css").read_text(encoding="utf-8")
    assert re.findall(r"url\(\"?([a-z:/]+)", css) == ["data:font/woff"]
    assert "@import" not in css


def test_links_within_the_book_lead_somewhere(book):
    for file in book.glob("*.html"):
        seen = Page(file.read_text(encoding="utf-8"))
        assert seen.links
        for link in seen.links:
            name, _, anchor = link.partition("#")
            assert "://" in link or not name or (book / name).is_file(), link
            assert not anchor or name or anchor in seen.ids, link


def test_pictures_outputs_and_formulas_are_there(page):
    seen = Page(page)
    assert len(seen.pictures) >= 3
    assert all(len(picture["alt"]) > 40 for picture in seen.pictures)
    assert "holds: largest relative difference" in page
    assert page.count("<math") > 30
    for tag in ("0.1", "0.5"):
        assert f'<span class="number">({tag})</span>' in page
    words = html.unescape(re.sub(r"<(pre|code|style).*?</\1>|<[^>]*>", "", page, flags=re.DOTALL))
    assert not re.search(r"\$|\\[a-z]+\{", words)


def test_exercises_are_shown_as_students_get_them(page):
    assert "rescale: your turn" in html.unescape(re.sub("<[^>]*>", "", page))
    assert "Write your answer here" in page
    assert told(ROOT, {"page": page}) == []
    assert "is one right answer" not in page
    assert "points</li>" not in page  # no verdict on the course's own answers


def test_the_scan_for_solutions_sees_through_colours_of_code():
    coloured = "<pre><span>    return</span> <span>pixels</span> <span>/</span> <span>8</span> <span>-</span> 1</pre>"
    assert told(ROOT, {"page": coloured})


def test_the_page_can_be_read_without_seeing_or_a_mouse(page):
    assert '<html lang="en">' in page
    assert '<a class="skip" href="#text">' in page
    assert '<main id="text">' in page
    assert "aria-current=page" in page


def test_the_front_page_has_a_card_for_each_lesson(book):
    front = (book / "index.html").read_text(encoding="utf-8")
    assert '<h2><a href="00_start_here.html">00 Start here</a></h2>' in front
    assert "You will know how the lessons work" in front
    assert "about 40 min" in front


def test_solutions_are_shown_when_asked_for_and_an_unchanged_lesson_runs_once(tmp_path, monkeypatch, capsys):
    root = small_course(tmp_path / "course")
    words = ["--root", str(root), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    text = html.unescape(re.sub("<[^>]*>", "", (tmp_path / "out" / f"{NAME}.html").read_text(encoding="utf-8")))
    assert "twice: your turn" in text
    assert "secret_double" not in text
    assert "addition is repeated" not in text
    assert "3.14159" in text
    monkeypatch.setattr("grader.book.run.run", None)  # it would fail if it ran again
    assert main([*words, "--solutions"]) == 0
    text = html.unescape(re.sub("<[^>]*>", "", (tmp_path / "out" / f"{NAME}.html").read_text(encoding="utf-8")))
    assert "secret_double = x + x" in text
    assert "addition is repeated" in text
    assert "SOLUTION" not in text
    capsys.readouterr()


def test_a_solution_that_would_be_told_stops_the_book(tmp_path, capsys):
    root = small_course(tmp_path / "course", TEXT.replace("math.pi", "import inspect\nprint(inspect.getsource(twice))"))
    assert main(["--root", str(root), "--out", str(tmp_path / "out")]) == 1
    assert "a solution would be in the book" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_lesson_that_does_not_run_is_named_with_its_error(tmp_path, capsys):
    root = small_course(tmp_path / "course", TEXT.replace("math.pi", "1 / 0"))
    assert main(["--root", str(root)]) == 1
    said = capsys.readouterr().err
    assert NAME in said
    assert "ZeroDivisionError" in said
    (root / "notebooks" / NAME / f"{NAME[3:]}.ipynb").unlink()
    assert main(["--root", str(root)]) == 1
    assert "is not built" in capsys.readouterr().err
    assert main(["nope", "--root", str(root)]) == 1
    assert f"no lesson is called 'nope'; there are: {NAME}" in capsys.readouterr().err
    (root / "solutions" / "draft.py").touch()
    assert main(["--root", str(root)]) == 1
    assert "solutions/draft.py: name it like" in capsys.readouterr().err
    assert main(["--root", str(tmp_path)]) == 1


def test_a_run_that_is_stopped_while_it_writes_leaves_no_half_of_a_notebook(tmp_path, monkeypatch):
    source, cache = tmp_path / "x.ipynb", tmp_path / "cache"
    nbformat.write(nbformat.v4.new_notebook(), source)

    def stopped(_: object, path: Path) -> None:
        path.write_text("{")
        raise KeyboardInterrupt

    monkeypatch.setattr("grader.book.run.run", lambda *_: None)
    with monkeypatch.context() as patch:
        patch.setattr(nbformat, "write", stopped)
        with pytest.raises(KeyboardInterrupt):
            executed(source, cache, "")
    assert executed(source, cache, "").cells == []


def test_making_the_book_is_nobodys_progress(book):
    assert sorted(p.name for p in (book / "mine").iterdir()) == []
    assert os.environ[VARIABLE] != str(book / "mine" / "progress.json")


def test_a_progress_bar_is_its_last_state_and_pieces_of_a_text_are_one():
    pieces = [nbformat.v4.new_output("stream", text=t) for t in ("a\n", "0%\r 50%\r100%\n", "b\n")]
    widget = nbformat.v4.new_output(
        "display_data",
        {
            "application/vnd.jupyter.widget-view+json": {},
            "text/html": '<img alt="x">',
            "image/png": "",
            "text/plain": "x",
        },
    )
    cell = nbformat.v4.new_code_cell("run()", outputs=[*pieces, widget])
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"widgets": {"state": 1}})
    text, still = for_readers(notebook, None).cells[0].outputs
    assert text.text == "a\n100%\nb\n"
    assert set(still.data) == {"text/html", "text/plain"}
    assert "widgets" not in notebook.metadata


@pytest.mark.parametrize("lesson", lessons(ROOT), ids=lambda lesson: lesson.name)
def test_every_formula_of_a_lesson_can_be_set(lesson):
    number = str(int(lesson.name[:2]))
    for tag, equation in EQUATIONS.items():
        if tag.split(".")[0] == number:
            mathml(rf"{equation.latex} \tag{{{tag}}}", display=True)
    cells = nbformat.read(ROOT / lesson.instructor, as_version=4).cells
    for cell in cells:
        if cell.cell_type == "markdown":
            made = re.sub(r"<(pre|code|math).*?</\1>", "", render_markdown(cell.source), flags=re.DOTALL)
            assert "$" not in made


def test_what_browsers_leave_out_is_mended():
    assert "𝛍" not in mathml(r"\boldsymbol\mu")
    assert "𝝁" in mathml(r"\boldsymbol\mu")
    assert "𝟎" in mathml(r"\mathbf{0}")
    assert "<mi>log</mi><mspace" in mathml(r"\log p")
    assert "<mspace" not in mathml(r"\log(p)")
    assert "mspace" not in mathml(r"\max_x f")
    assert mathml(r"x \tag{2.1}", display=True).endswith('<span class="number">(2.1)</span></div>')
    assert "‖" in html.unescape(mathml(r"D(q \| p) + \big\|x\big\|"))
    assert "⌊" in mathml(r"\Big\lfloor \frac12 \Big\rfloor")
    with pytest.raises(FormulaError, match="nocommand"):
        mathml(r"\nocommand{x}")


def test_a_bar_in_a_formula_does_not_end_the_cell_of_a_table():
    made = render_markdown("| a | b |\n| --- | --- |\n| $q(x \\mid y|z)$ | two |")
    assert made.count("<td") == 2
    assert "<td>two" in made


def test_the_font_holds_the_letters_of_the_book_and_roots():
    from io import BytesIO

    from fontTools.ttLib import TTFont

    font = TTFont(BytesIO(base64.b64decode(font_for([mathml(r"\boldsymbol\mu + \sqrt{x}")]))))
    letters = font.getBestCmap()
    assert {ord(c) for c in "𝝁√("} <= set(letters)
    assert ord("Ж") not in letters
    assert "MATH" in font
