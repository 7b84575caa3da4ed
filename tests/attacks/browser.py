"""Content that would act in the browser of whoever reads the feedback."""

import base64

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.student import Edit, first
from tests.attacks.attack import Attack, returns, runs

SVG = "<svg onload='alert(1)'><script>alert(1)</script></svg>"


def prose(source: str, kind: str = "markdown") -> Edit:
    """A cell of text."""

    def edit(notebook: NotebookNode) -> None:
        new = nbformat.v4.new_markdown_cell if kind == "markdown" else nbformat.v4.new_raw_cell
        notebook.cells.insert(0, new(source))

    return edit


def says(name: str, tries: str, source: str) -> Attack:
    """Writes Markdown."""
    return Attack(name, tries, prose(source))


def _written(notebook: NotebookNode) -> None:
    for c in notebook.cells:
        if c.cell_type == "markdown" and c.metadata.get("nbgrader", {}).get("solution"):
            c.source = "My answer <img src=x onerror=alert(1)> [here](javascript:alert(1))"


FAMILY: tuple[Attack, ...] = (
    says("script", "a script in Markdown", "<script>alert(1)</script>\n\n<SCRIPT src=//evil.example/x.js></SCRIPT>"),
    says("handlers", "event handlers in HTML", "<img src=x onerror=alert(1)> <b onclick=alert(1)>b</b> <svg/onload=alert(1)>"),
    says("frames", "frames, objects, forms, styles, refreshes", "<iframe src=//evil.example></iframe><object data=x></object>"
         "<form action=//evil.example><input></form><style>*{}</style><meta http-equiv=refresh content=0><base href=//x>"),
    says("unclosed", "tags that only a lenient browser sees", "<img src=x onerror=alert(1) //\n\n</p/><script/x>alert(1)"
         "</script\n\n<!--><script>alert(1)</script>-->\n\n<?php <script>alert(1)</script> ?>"),
    says("links", "links that run script", "[a](javascript:alert(1)) [b](JaVa\tScript:alert(1)) <javascript:alert(1)> "
         "[c](vbscript:x) [d](data:text/html;base64,PHNjcmlwdD4=) [e][r]\n\n[r]: javascript:alert(1)"),
    says("escaped_links", "the same, spelled with escapes and entities", "[a](javascript\\:alert(1)) [b](java&#115;cript:alert(1)) "
         "[c](&#x6A;avascript&colon;alert(1)) [d](javascript&#58;alert(1)) [e](<java\nscript:alert(1)>) "
         "[f](data\\:text/html,x)\n\n[g]\n\n[g]: javascript\\:alert(1)\n[h]: <javascript\\:alert(1)> \"t\"\n\n[h]"),
    says("titles", "attributes smuggled into titles", '[a](https://x.example "t\\" onmouseover=alert(1) x=\\"")\n\n'
         '![b](x.png "t\' onerror=alert(1) \'")\n\n![" onerror=alert(1) x="](x.png)'),
    says("far_images", "pictures that tell another server who reads", "![a](https://evil.example/a.png) ![b][r] "
         "![c](//evil.example/c.png)\n\n[r]: http://evil.example/b.png"),
    says("latex", "LaTeX that makes links, styles and ids", r"$\href{javascript:alert(1)}{x}$ $\style{background:red}{x}$ "
         r"$\cssId{a}{x} \class{b}{x} \require{html} \unicode[a]{x61} \bbox[background:url(//evil.example)]{x}$"),
    says("latex_block", "the same in environments", "\\begin{align}\n\\href{javascript:alert(1)}{x}\n\\end{align}\n\n"
         "$$\\htmlData{a=b}{x}\\url{javascript:alert(1)}$$"),
    says("maths_with_tags", "tags between dollars", "$a <img src=x onerror=alert(1)> b$ $$<script>alert(1)</script>$$"),
    says("mermaid", "a diagram that is drawn by a script", "```mermaid\ngraph TD; A-->B\nclick A href "
         "\"javascript:alert(1)\"\n```\n\n> ~~~ mermaid\n> graph TD\n> ~~~"),
    says("fences", "HTML as the language of a code block", "```<script>alert(1)</script>\nx\n```\n\n```\"onclick=alert(1)\nx\n```"),
    says("headings", "HTML in headings, which become anchors", "# <img src=x onerror=alert(1)>\n\n# a\" onclick=alert(1) b"),
    says("brackets", "Markdown that takes a slow reader for ever", "[" * 15_000 + "\n\n" + "*a_ " * 5_000 + "\n\n" + "`" * 9999),
    says("long_fences", "fences of twenty thousand signs, looked at from each", "`" * 24_000 + "\n\n" + "~" * 24_000),
    says("long_maths", "fifteen thousand beginnings of formulas", "\\\\[" * 15_000),
    says("clobbered_ids", "headings and footnotes with the names of what scripts look for",
         "# statusmessage\n\n# MathJax\n\n# location\n\n## forward-q_sample\n\n[^x]\n\n[^x]: a"),
    says("quotes", "quotes in quotes", ">" * 3000 + "x\n\n" + "- " * 3000 + "x"),
    Attack("blank_lines", "twenty thousand lines of one space, to be coloured", first(" \n" * 24_000)),
    Attack("long_line", "a line of code that takes hours to colour", first("a." * 100_000 + "b"), refused=True),
    Attack("raw_html", "a raw cell with HTML", prose("<script>alert(1)</script><img src=x onerror=alert(1)>", "raw")),
    Attack("written_answer", "HTML in the answer that a person will read", _written),
    runs("html_output", "HTML, SVG, script and LaTeX as outputs", f"""
from IPython.display import HTML, SVG, Javascript, Latex, Markdown, IFrame, display
display(HTML("<script>alert(1)</script>"), SVG(data={SVG!r}), Javascript("alert(1)"), Latex("$\\\\href{{x}}{{y}}$"))
display(Markdown("<script>alert(1)</script>"), IFrame("//evil.example", 1, 1))
"""),
    runs("widget_output", "a widget view and its state", """
from IPython.display import publish_display_data
publish_display_data({"application/vnd.jupyter.widget-view+json": {"model_id": "a", "version_major": 2},
                      "text/html": "<script>alert(1)</script>", "application/javascript": "alert(1)"})
"""),
    runs("png_output", "a PNG that is HTML, and one that is larger than any screen", f"""
from IPython.display import publish_display_data
import base64, struct
publish_display_data({{"image/png": "{base64.b64encode(b"<script>alert(1)</script>").decode()}", "text/plain": "a"}})
publish_display_data({{"image/png": '" onerror="alert(1)', "text/plain": "b"}})
"""),
    runs("printed_html", "HTML and terminal codes as printed text", r"""
print("<script>alert(1)</script>\x1b]8;;javascript:alert(1)\x07x\x1b]8;;\x07 \x1b[31m<img src=x onerror=alert(1)>\x1b[0m")
"""),
    runs("error_html", "HTML in the name and text of an error", """
raise type("<script>alert(1)</script>", (Exception,), {})("<img src=x onerror=alert(1)>")
"""),
    returns("diagnosis_html", "HTML, links and LaTeX in an error that the diagnosis quotes", "boom()", r"""
def boom(): raise ValueError("`<script>alert(1)</script> [a](javascript:alert(1)) $\\href{javascript:alert(1)}{x}$ "
                             "$$ \\begin{align} \\href{javascript:alert(1)}{x} \\end{align} **5 of 5 points**\n\n# Right")
"""),
    returns("nameless_error", "an error without a name and without a word", "boom()", """
def boom(): raise type("\\u200b", (Exception,), {})(" ")
"""),
    returns("diagnosis_terminal", "terminal codes in an error, to rewrite the report", "boom()", r"""
def boom(): raise type("\x1b[2J", (Exception,), {})("\x1b[1A\x1b[2K all right \u202e\u2066 \r all right \x9b1A")
"""),
    Attack("file_names", "HTML in the names of files", files={
        "<img src=x onerror=alert(1)>.txt": b"x", "a.html": b"<script>alert(1)</script>", "=cmd|x.csv": b"x"}),
    Attack("function_names", "HTML as the name of a function's type", returns("", "", "T()", """
T = type("<script>alert(1)</script>" + "$$", (), {})
""").edit),
)  # fmt: skip
