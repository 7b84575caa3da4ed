"""Text that others wrote, made fit for a terminal or a page."""


def printable(text: str) -> str:
    """Text on one line, without signs that steer a terminal or turn the direction of writing."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def quoted(text: str, most: int = 300) -> str:
    """Text that the student's process wrote, as inline code: there it cannot become HTML, a link or maths."""
    plain = printable(text.replace("`", "'")) or "?"
    return f"`{plain[:most]}{' ...' if len(plain) > most else ''}`"


def shown(name: str) -> str:
    """A name as it is, or spelled out if a terminal would act on it or it is no text at all: a folder may have any."""
    return name if name.isprintable() else ascii(name)[1:-1]
