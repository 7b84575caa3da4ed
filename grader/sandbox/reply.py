"""Hostile replies to answers: known kinds, known types, bounded texts; everything else is malformed."""

from typing import Any, cast

import torch

from .answer import Answer, Kind
from .outputs import plain_text

MAX_TEXT = 2000
KINDS = ("value", "undefined", "raised", "unreadable")


def read_answer(reply: Any, gradients: int | None) -> Answer:
    """The answer in a decoded reply.  gradients: how many were asked for."""
    kind = reply.get("kind") if type(reply) is dict else None
    if type(kind) is not str or kind not in KINDS:
        return Answer("malformed", message="the process does not keep to the protocol")
    if kind == "value":
        return _value(reply, gradients)
    line = reply.get("line")
    return Answer(
        cast(Kind, kind),
        type_name=_text(reply, "type_name"),
        message=_text(reply, "message"),
        line=line if type(line) is int and 0 < line < 10**6 else None,
        source=_text(reply, "source"),
    )


def _value(reply: dict[str, Any], gradients: int | None) -> Answer:
    found = reply.get("gradients")
    if gradients is None or found is None:
        return Answer("value", value=reply.get("value"))
    if type(found) is not list or len(found) != gradients:
        return Answer("malformed", message="not the gradients that were asked for")
    if not all(g is None or type(g) is torch.Tensor for g in found):
        return Answer("malformed", message="a gradient that is no tensor")
    return Answer("value", value=reply.get("value"), gradients=found)


def _text(reply: dict[str, Any], name: str) -> str:
    value = plain_text(reply.get(name))
    return "" if value is None else value[:MAX_TEXT]
