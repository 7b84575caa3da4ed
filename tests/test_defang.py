"""What a student writes in Markdown cannot act in the instructor's browser; what they mean survives."""

import re

import nbformat
import pytest
from nbconvert import HTMLExporter

from grader.defang import defang

ACTIVE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<IMG\nSRC=x ONERROR=alert(1)>",
    "<svg onload=alert(1)></svg>",
    "<iframe src='https://example.org'></iframe>",
    "<!-- --><b onmouseover=alert(1)>x</b>",
    "[click](javascript:alert(1))",
    "[click](javascript&colon;alert(1))",
    "[click](java&#115;cript:alert(1))",
    "[click](&#x6A;avascript:alert(1))",
    "[click](data:text/html;base64,PHNjcmlwdD4=)",
    "<javascript:alert(1)>",
    "[a]: javascript:alert(1)\n\n[a]",
    r"$\href{javascript:alert(1)}{x}$",
    r"$\unicode[onmouseover]{x}$ $\style{behavior:url(x)}{y}$",
    "[a](javascript\\:alert(1))",
    "[a]\n\n[a]: javascript\\:alert(1)",
    "[a](data\\:text/html,x)",
    "![a](https://evil.example/a.png)",
    "![a][b]\n\n[b]: //evil.example/a.png",
    "![a](//evil.example/a.png)",
    "$\\bbox[background:url(//evil.example)]{x}$",
    "```mermaid\ngraph TD\n```",
    "> ~~~ mermaid\n> graph TD\n> ~~~",
]
HARMLESS = [
    "If $a < b$ then **bold** and `code`.",
    r"$$\sqrt{\bar\alpha_t} \le 1 \quad x_{t-1} > 0$$",
    "My data: two points. In javascript one would write the same.",
    "1. one\n2. two\n\n> quoted, A & B, R&D",
    "[paper](https://arxiv.org/abs/2006.11239)",
    "![my plot](figures/plot 1.png) and ![](b.jpg)",
    "$\\hrefless \\classes$",
    "```python\nmermaid = 1\n```",
]


def page(text):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text, id="same")])
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    return body


def is_active(html):
    tags = re.findall(r"<(?!/|!)[^>]*>", html)
    own = re.compile(r"<(script|img|svg|iframe|b|object|embed|form|style|meta|base)\b|\son\w+\s*=", re.IGNORECASE)
    links = [
        t
        for t in tags
        if re.search(r"(href|src)\s*=\s*[\"']?\s*(java\s*script|data|vbscript)(:|&colon;|%3A)", t, re.IGNORECASE)
    ]
    return (
        [t for t in tags if own.search(t)]
        + links
        + re.findall(r"\\(?:href|unicode|style|bbox)\b|class=\"mermaid", html)
    )


@pytest.mark.parametrize("text", ACTIVE)
def test_nothing_active_is_left_in_the_page(text):
    assert is_active(page(text)), "the example is harmless: it proves nothing"
    assert not is_active(page(defang(text)))


@pytest.mark.parametrize("text", HARMLESS)
def test_prose_and_formulas_survive(text):
    assert page(defang(text)) == page(text)
