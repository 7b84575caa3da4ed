"""Notebooks with damage: cut, with flipped bits, or valid JSON of a wrong shape.  From one seed, always the same."""

import json
import random
from collections.abc import Iterator
from typing import Any

STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 4, 10**30, 1e308, float("nan"), "", "code", "\ud800", "\x00\x1b[2J", "x" * 5000, [], {}, [[]],
    [None], {"": None}, {"nbgrader": 5}, {"nbgrader": {"grade_id": None}}, [{"cell_type": "code"}], "../../x",
)  # fmt: skip


def damaged(good: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` damaged copies of a good notebook."""
    draw = random.Random(seed)
    kinds = (_cut, _flip, _reshape, _reshape, _reshape)
    for number in range(count):
        yield kinds[number % len(kinds)](good, draw)


def _cut(good: bytes, draw: random.Random) -> bytes:
    start, end = sorted(draw.randrange(len(good)) for _ in range(2))
    return draw.choice((good[:start], good[start:], good[:start] + good[end:]))


def _flip(good: bytes, draw: random.Random) -> bytes:
    data = bytearray(good)
    for _ in range(draw.choice((1, 1, 3, 30))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def _reshape(good: bytes, draw: random.Random) -> bytes:
    """Put something strange in the place of a value, rename a key, or take one out."""
    data = json.loads(good)
    for _ in range(draw.choice((1, 1, 2, 5))):
        place = draw.choice(list(_containers(data)))
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        change = draw.randrange(3)
        if change == 0:
            place[key] = draw.choice(STRANGE)
        elif change == 1:
            del place[key]
        elif isinstance(place, dict):
            place[str(draw.choice(STRANGE))[:50]] = place.pop(key)
        else:
            place.append(place[key])
    return json.dumps(data).encode()


def _containers(value: Any) -> Iterator[Any]:
    """Every list and dict of a document that is not empty."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if inner:
        yield value
    for part in inner:
        yield from _containers(part)
