"""Text of a student's Markdown, made harmless for the instructor's browser.

Markdown may hold HTML, links that run scripts, and LaTeX that makes such links.  nbconvert and the formgrader pass all
of it on.  Prose and formulas survive this; what is active becomes visible text.
"""

import re

TAG = re.compile(r"<(?=[A-Za-z/!?])")  # `a < b` stays
ENTITY = re.compile(r"&(?=#|[A-Za-z]+[0-9]*;)")  # would spell the others in another way
# In a link Markdown drops a backslash before a sign.
SCRIPT = re.compile(
    r"(?:java|vb|live)\s*script\s*\\*:|\bdata\s*\\*:\s*(?=\\*(?:text|image|application))", re.IGNORECASE
)
LATEX = re.compile(
    r"\\(href|url|require|unicode|style|class|cssId|data|mmlToken|html[A-Za-z]*|includegraphics|bbox)(?![A-Za-z])"
)
# A picture beside the notebook stays; one from elsewhere would tell another server who looks at it.
IMAGE = re.compile(r"!(?=\[)(?!\[[^\]\n]{0,300}\]\((?!/)[\w ./-]{1,200}\.(?:png|jpe?g|gif)\))")
# Drawn by a script.  From the first sign of a fence alone: else ten thousand of them would be looked at from each.
DIAGRAM = re.compile(r"((?:(?<!`)`{3,}|(?<!~)~{3,})\s*)mermaid", re.IGNORECASE)


def defang(text: str) -> str:
    """The text without anything that a browser would act on."""
    text = ENTITY.sub("& ", text)  # not "&amp;", which Markdown turns back in links
    text = TAG.sub("&lt;", text)
    text = SCRIPT.sub("blocked ", text)
    text = IMAGE.sub("(picture) ", text)
    text = DIAGRAM.sub(r"\1text", text)
    return LATEX.sub(r"\\text{\1}", text)
