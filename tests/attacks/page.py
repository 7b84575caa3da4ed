"""What is active on an HTML page: what a browser would run, load or send."""

from collections import Counter
from html.parser import HTMLParser

TAGS = {
    "script",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "svg",
    "style",
    "link",
    "meta",
    "base",
    "video",
    "audio",
}
HARMLESS = ("https://", "http://", "mailto:", "#", "data:image/png;base64,")
MATHS = ("\\href", "\\url", "\\style", "\\cssId", "\\class{", "\\require", "\\unicode", "\\bbox", "\\html")


class _Active(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: Counter[str] = Counter()
        self.quiet = 0  # depth in <pre>, <code>, <script>, <style>: MathJax does not read these

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.quiet += tag in ("pre", "code", "script", "style")
        if tag in TAGS:
            self.found[f"<{tag}>"] += 1
        for name, value in attrs:
            where = "".join((value or "").split()).lower()
            if name.startswith("on"):
                self.found[f"{tag} {name}"] += 1
            if name in ("href", "src", "action", "formaction", "xlink:href", "data", "poster", "srcset"):
                scheme = where.split(":")[0] if ":" in where.split("/")[0] else ""
                if scheme and not where.startswith(HARMLESS):
                    self.found[f"{tag} {name}={scheme}:"] += 1
                if tag != "a" and (where.startswith(("http", "//"))):
                    self.found[f"{tag} loads {where[:60]}"] += 1
            if name == "class" and "mermaid" in where:
                self.found["a diagram that runs"] += 1

    def handle_endtag(self, tag: str) -> None:
        self.quiet -= tag in ("pre", "code", "script", "style")

    def handle_data(self, data: str) -> None:
        if not self.quiet:
            for command in MATHS:
                if command in data:
                    self.found[f"LaTeX {command}"] += data.count(command)


def active(html: str) -> Counter[str]:
    """Kinds of active content, and how often they occur."""
    parser = _Active()
    parser.feed(html)
    parser.close()
    return parser.found
