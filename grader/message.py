"""A verdict in words: for the student's notebook (with numbers) and for feedback after grading (without)."""

from diffkit.equations import find as find_equation
from grader.verdict import Finding, Verdict


def markdown(verdict: Verdict, *, numbers: bool = True, hint: bool = True) -> str:
    """What to show for a verdict.  numbers=False leaves out values, which in grading are secret."""
    e = verdict.exercise
    if verdict.unwritten:
        return _not_begun(verdict, hint)
    lines = [f"**{e.name}**: {_points(verdict.points)} of {_points(e.points)} points"]
    if verdict.findings and not numbers:
        lines += ["", f"{e.prompt} `{e.signature}`", ""]
    for c in e.criteria:
        mark = "✓" if verdict.earned[c.name] == c.points else "✗"
        lines.append(f"- {mark} {c.text} ({_points(verdict.earned[c.name])} of {_points(c.points)})")
        first = next((f for f in verdict.findings if f.case.criterion == c.name), None)
        if first and not numbers:
            lines.append(f"    - {_asked(first)}")
    if verdict.findings:
        lines += ["", *_diagnosis(verdict, numbers)]
        if hint:
            lines.append(f'\nStuck? `hint("{e.name}")` gives three steps, one at a time.')
    return "\n".join(lines)


def plain(verdict: Verdict) -> str:
    """The same for a terminal, without the signs of Markdown.  In code they are none: there `x**2` is a square."""
    parts = markdown(verdict).split("`")
    parts[::2] = [text.replace("**", "").replace("$", "") for text in parts[::2]]
    return "`".join(parts)


def short(verdict: Verdict) -> str:
    """One line for a table."""
    if verdict.passed:
        return "right"
    if verdict.misconception:
        return verdict.misconception.name
    first = verdict.findings[0]
    return first.public if verdict.unwritten else f"{first.case.label}: {first.public}"


def _not_begun(verdict: Verdict, hint: bool) -> str:
    e, answer = verdict.exercise, verdict.findings[0].answer
    undefined = answer.kind == "undefined"
    state = "is not defined: run the cell above that defines it" if undefined else "is waiting for you"
    lines = [f"**{e.name}** {state} (0 of {_points(e.points)} points).", "", e.prompt, "", f"`{e.signature}`"]
    if hint:
        lines += ["", f'It is equation ({e.equation}). Need a start? `hint("{e.name}")`']
    return "\n".join(lines)


def _diagnosis(verdict: Verdict, numbers: bool) -> list[str]:
    first, lines = verdict.findings[0], []
    if numbers:
        lines.append(f"First difference, {_asked(first)}")
        if first.detail:
            lines.append(f"(It is {first.detail}.)")
        if asked := _inputs(first):
            lines.append(f"Asked with {asked}.")
    if verdict.misconception:
        lines.append(f"\n**It looks like this:** {verdict.misconception.message}")
    e = verdict.exercise
    lines.append(f"\nEquation ({e.equation}): ${find_equation(e.equation).latex}$")
    return lines


def _asked(finding: Finding) -> str:
    said = finding.public
    return f"asked for *{finding.case.label}*: {said}{'' if said[-1] in '.?' else '.'}"


def _inputs(finding: Finding) -> str:
    """The arguments in short: numbers as they are, tensors by shape."""
    shown = []
    for a in finding.case.args:
        if isinstance(a, bool | int | float):
            shown.append(f"{a:.4g}" if isinstance(a, float) else str(a))
        elif hasattr(a, "shape"):
            small = a.ndim == 1 and len(a) <= 4 and not a.is_floating_point()
            shown.append(str(a.tolist()) if small else f"a tensor {tuple(a.shape)}")
        elif isinstance(a, tuple) and not any(hasattr(v, "shape") for v in a):
            shown.append(str(a))
        elif isinstance(a, tuple):
            shown.append(f"{len(a)} tensors")
        else:
            shown.append("a function")
    return ", ".join(shown)


def _points(x: float) -> str:
    return f"{x:g}"
