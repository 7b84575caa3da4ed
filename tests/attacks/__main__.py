"""`python -m tests.attacks [name]`: run the attack suite and print its table, in Markdown."""

import sys
import time

from tests.attacks.arena import Arena, arena
from tests.attacks.families import ATTACKS, CONTROLS
from tests.attacks.verdicts import complaints, disappointed, disturbed

KINDS = ("gained", "leaked", "harmed", "unclear")


def main(only: str = "") -> int:
    """Returns 0 if no attack achieved anything and every control has full marks."""
    started = time.process_time(), time.monotonic()
    with arena(only) as done:
        lines, bad = rows(done, only)
        bad += disturbed(done)
    print("| family | submissions | refused at the gate | gained points | leaked | active content | unclear report |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    print("\n".join(lines))
    for line in bad:
        print(f"NOT AS IT SHOULD BE  {line}", file=sys.stderr)
    print(f"{time.monotonic() - started[1]:.0f} s", file=sys.stderr)
    return 1 if bad else 0


def rows(done: Arena, only: str) -> tuple[list[str], list[str]]:
    """The lines of the table, and what is wrong."""
    lines, bad, total = [], [], [0] * 6
    for family, attacks in ATTACKS.items():
        run = [a for a in attacks if only in a.name]
        found = {a.name: complaints(done.of(family), a) for a in run}
        refused = sum(done.of(family).rows[a.name].points is None for a in run)
        counts = [len(run), refused, *(sum(bool(f[kind]) for f in found.values()) for kind in KINDS)]
        total = [a + b for a, b in zip(total, counts, strict=True)]
        lines.append(f"| {family} | " + " | ".join(map(str, counts)) + " |")
        bad += [f"{name}: {kind}: {what}" for name, f in found.items() for kind in KINDS for what in f[kind]]
    lines.append("| **all** | " + " | ".join(f"**{n}**" for n in total) + " |")
    wrong = {c.name: disappointed(done.controls, c) for c in CONTROLS if c.name in done.controls.rows}
    lines.append(f"| honest controls | {len(wrong)} | {sum(map(bool, wrong.values()))} without full marks | | | | |")
    return lines, bad + [f"{name}: {what}" for name, found in wrong.items() for what in found]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
