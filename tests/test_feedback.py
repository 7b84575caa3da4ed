"""Feedback pages stand for themselves: formulas are drawn, nothing is loaded, nothing of a student's runs."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.notebooknode import NotebookNode

from diffkit.equations import EQUATIONS
from grader import message
from grader.answer import ask_here
from grader.exercises import EXERCISES
from grader.feedback.maths import LONGEST, mathml
from grader.feedback.outputs import MOST, outputs_html
from grader.feedback.page import page
from grader.feedback.prose import html
from grader.verdict import Verdict, judge
from tests.attacks.page import active
from tests.house_files import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*/*.ipynb"))
WHERE = {"student": "ada <b>", "assignment": "02_forward_process", "notebook": "forward_process"} | {
    "score": 7.5, "max_score": 11.0, "late_penalty": 0.5
}  # fmt: skip


class Loads(HTMLParser):
    """What a page would load, and what it would run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            plain = (value or "").strip().lower()
            if name.startswith("on") or (tag in ("script", "link", "iframe", "object", "embed", "base", "form")):
                self.found.append(f"<{tag} {name}>")
            if name in ("src", "href", "srcset", "data", "poster", "action", "background", "xlink:href"):
                clicked = tag == "a" and name == "href" and plain.startswith(("#", "http://", "https://", "mailto:"))
                if not clicked and not plain.startswith("data:image/png;base64,"):
                    self.found.append(f"<{tag} {name}={plain[:40]}>")


def formulas() -> list[str]:
    """Every formula of the course."""
    found = [e.latex for e in EQUATIONS.values()]
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "markdown":
                found += re.findall(r"\$\$(.+?)\$\$", cell.source, re.DOTALL)
                found += re.findall(r"(?<![\\$])\$([^$]+?)\$", re.sub(r"\$\$.+?\$\$", "", cell.source, flags=re.DOTALL))
    return sorted(set(found))


def test_every_formula_of_the_course_is_drawn() -> None:
    assert len(formulas()) > 500
    assert not [f for f in formulas() if 'class="tex"' in mathml(f, block=True)]


def test_a_formula_has_its_signs_its_bold_letters_and_its_number() -> None:
    made = mathml(r"\big\|\boldsymbol\varepsilon\big\|^2 < \mathbf{0} \tag{2.9}", block=True)
    assert made.count("‖") == 2
    assert "𝜺" in made
    assert "𝟎" in made
    assert made.endswith("<span>(2.9)</span></div>")
    assert "&lt;" in made


HOSTILE = [
    r"\href{javascript:alert(1)}{x}",
    r"\text{<script>alert(1)</script>}",
    r"\text{&lt;img src=x onerror=alert(1)&gt;}",
    r"\class{a}{x}\cssId{a}{x}\style{background:url(//evil.example)}{x}",
    r"\color{url(//evil.example)}{x}",
    r"\def\a{\a\a}\a",
    r"\newcommand{\a}{xx}\newcommand{\b}{\a\a\a\a}\b",
    "{" * 3000,
    r"\frac" * 800,
    r"\left(" * 500,
    "x" * (LONGEST + 1),
    r"\begin{array}{" + "c" * 3000,
    "</math><script>alert(1)</script>",
    r"\unicode[onmouseover]{x}",
    "\ud800",
    r"\hspace{99999999em}",
]


@pytest.mark.parametrize("latex", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_formula_is_text_or_a_formula(latex: str) -> None:
    made = mathml(latex)
    assert not Loads(made).found
    assert re.fullmatch(r"<(math|code)\b.*</\1>", made, re.DOTALL)
    assert not re.search(r"<(?!/?(m[a-z]+|code|none)\b)", made)
    assert not re.search(r"\s(style|class|href|id|on\w+|width=\"9+em)=?", made.replace('class="tex"', "").split(">")[0])


PROSE = [
    "<script>alert(1)</script>",
    "[a](javascript:alert(1))",
    "[a](java&#115;cript:alert(1))",
    "[a](data:text/html;base64,x)",
    "![a](https://evil.example/a.png)",
    "![a](//evil.example/a.png)",
    "![a](../../../secret.png)",
    '![a](x.png "x" onerror=alert(1))',
    "[a]\n\n[a]: javascript:alert(1)",
    "<img src=x onerror=alert(1)>",
    "```mermaid\ngraph TD\n```",
    '# <svg onload="x">',
    "| <b onclick=x> |\n|---|\n| y |",
    "$</math><img src=x onerror=alert(1)>$",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<javascript:alert(1)>",
]


@pytest.mark.parametrize("text", PROSE)
def test_nothing_in_prose_runs_or_is_loaded(text: str) -> None:
    made = html(text)
    assert not Loads(made).found
    assert not active(made)


def test_prose_is_still_prose() -> None:
    made = html("Is $x &lt; y$, **then** `a < b`:\n\n1. [paper](https://arxiv.org)\n2. ![my plot](plot.png)\n\na &lt;b")
    assert "<strong>then</strong>" in made
    assert "<mo>&lt;</mo>" in made
    assert "<code>a &lt; b</code>" in made
    assert '<a href="https://arxiv.org" rel="noopener noreferrer">paper</a>' in made
    assert '<img src="plot.png" alt="my plot">' in made
    assert "a &lt;b" in made


def test_outputs_are_text_and_pictures() -> None:
    made = outputs_html(
        [
            {"output_type": "stream", "name": "stdout", "text": "\x1b[31m<b>red</b>"},
            {"output_type": "display_data", "data": {"text/html": "<script>1</script>", "text/plain": "<i>"}},
            {"output_type": "display_data", "data": {"image/svg+xml": "<svg onload=x>"}},
            {"output_type": "display_data", "data": {"image/png": "PHN2Zz4="}},
            {"output_type": "error", "ename": "E", "evalue": "x", "traceback": ["\x1b[0;31mE\x1b[0m: x<y"]},
            {"output_type": "stream", "name": "stderr", "text": "x" * (MOST + 5)},
        ]
    )
    assert not Loads(made).found
    assert "&lt;b&gt;red" in made
    assert "E: x&lt;y" in made
    assert "5 more letters" in made
    assert not re.search(r"<(?!/?pre\b)", made)
    assert "\x1b" not in made


def verdict(name: str, wrong: int) -> Verdict:
    """The verdict on a misconception, as the judge finds it."""
    exercise = EXERCISES[name]
    asked = exercise.misconceptions[wrong].wrong
    return judge(exercise, exercise.cases(5), lambda case: ask_here(asked, case))


def graded() -> NotebookNode:
    """A lesson as it lies in autograded/, with a verdict, a written answer with a comment, and a student's output."""
    nb = nbformat.read(ROOT / "notebooks" / "02_forward_process" / "forward_process.ipynb", as_version=4)
    for cell in nb.cells:
        grading = cell.metadata.get("nbgrader", {})
        if grading.get("grade"):
            grading["score"], grading["locked"] = 1.5, cell.cell_type == "code"
        if grading.get("grade_id") == "forward-q_sample":
            said = message.markdown(verdict("forward.q_sample", 5), numbers=False, hint=False)
            data = {"text/markdown": said, "text/plain": "0"}
            cell.outputs = [nbformat.v4.new_output("execute_result", data)]
        if grading.get("solution") and cell.cell_type == "markdown":
            cell.source, grading["comment"] = "Because $\\bar\\alpha_T \\to 0$ <script>1</script>.", "Good: $x^2$ <b>"
    nb.cells.append(nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text="<b>mine</b>")]))
    return nb


@pytest.fixture(scope="module")
def made() -> str:
    return page(graded(), WHERE)


def test_a_page_loads_nothing_and_runs_nothing(made: str) -> None:
    assert not Loads(made).found
    assert "default-src 'none'" in made
    assert not re.search(r"@import|url\(|<script|cdn", made)
    assert "ada &lt;b&gt;" in made


def test_a_page_says_for_each_criterion_what_was_asked_and_what_came(made: str) -> None:
    part = made.split('id="forward-q_sample"')[1].split("</section>")[0]
    exercise = EXERCISES["forward.q_sample"]
    assert part.count("✗") == sum(c.name in {f.case.criterion for f in verdict(exercise.name, 5).findings}
                                  for c in exercise.criteria)  # fmt: skip
    assert part.count("asked for") == part.count("✗")
    assert "It looks like this" in part
    assert "<math" in part


def test_a_page_shows_no_hidden_number(made: str) -> None:
    found = verdict("forward.q_sample", 5).findings
    details = [f.detail for f in found if f.detail]
    assert details, "the example proves nothing"
    assert not [d for d in details if d in made]


def test_a_page_has_score_penalty_comment_and_a_way_to_each_exercise(made: str) -> None:
    assert "7.5 of 11 points" in made
    assert "handed in late</td><td>-0.5" in made
    assert "<strong>Comment.</strong> <p>Good: <math" in made
    links, anchors = set(re.findall(r'href="#([^"]+)"', made)), set(re.findall(r'id="([^"]+)"', made))
    assert links
    assert links <= anchors


def test_what_waits_for_a_person_is_not_shown_as_lost(made: str) -> None:
    nb = graded()
    written = next(c for c in nb.cells if c.cell_type == "markdown" and c.metadata.get("nbgrader", {}).get("grade"))
    grading = written.metadata.nbgrader
    grading["score"], grading["points"], grading["waits"] = 0.0, 6.0, True
    waiting, name = page(nb, WHERE), grading.grade_id
    assert "7.5 of 5 points; 6 more are not graded yet" in waiting
    assert f'<tr><td><a href="#{name}">{name}</a></td><td>not yet</td><td>6</td>' in waiting
    assert "not graded yet, 6 points" in waiting.split(f'id="{name}"')[1].split("</section>")[0]
    assert "not yet" not in made


def test_a_page_is_smaller_than_a_third_of_a_megabyte(made: str) -> None:
    assert len(made.encode()) < 330_000  # MathJax alone, which the page does without, is a megabyte


def test_a_browser_draws_the_formulas_without_a_network(made: str, tmp_path: Path) -> None:
    chromium = shutil.which("chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    (tmp_path / "page.html").write_text(made, encoding="utf-8")
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium)
        tab = browser.new_page()
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto((tmp_path / "page.html").as_uri())
        # A square root is higher than its content only where MathML is drawn and not just read.
        sizes = tab.evaluate(
            "[...document.querySelectorAll('math msqrt')].map(e => [e.getBoundingClientRect().width, "
            "e.firstElementChild.getBoundingClientRect().width])"
        )
        browser.close()
    assert asked == [(tmp_path / "page.html").as_uri()]
    assert sizes
    assert all(outer > inner for outer, inner in sizes)
