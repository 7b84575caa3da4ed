"""What a student's process sends is kept only as harmless outputs and as answers of known shapes."""

import base64
import io
import unicodedata
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grader.sandbox import Answer
from grader.sandbox.outputs import Kept, is_png, keep_safe, plain_text
from grader.sandbox.reply import read_answer
from tests import properties  # noqa: F401  # no time limit


def png() -> bytes:
    figure, _ = plt.subplots(figsize=(1, 1))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    plt.close(figure)
    return buffer.getvalue()


def test_a_png_is_known_by_its_content():
    data = png()
    assert is_png(base64.b64encode(data).decode())
    wide = data[:16] + (10**6).to_bytes(4, "big") + data[20:]
    for other in (b"", b"GIF89a" + data, data[:-1], data + b"<script>", data[:12] + b"JUNK" + data[16:], wide):
        assert not is_png(base64.b64encode(other).decode())
    assert not is_png("<script>")
    assert not is_png("é")


def test_an_image_that_is_none_is_dropped():
    item = {"output_type": "display_data", "data": {"text/plain": "a", "image/png": "<script>"}}
    (kept,) = keep_safe([item])
    assert kept["data"] == {"text/plain": "a"}


def test_of_control_characters_only_those_of_lines_and_colours_stay():
    kept = {"\t", "\n", "\r", "\x1b"}
    for sign in map(chr, range(0x3000)):
        control = unicodedata.category(sign) == "Cc" and sign not in kept
        assert plain_text(f"a{sign}b") == ("ab" if control else f"a{sign}b")


def test_harmless_outputs_are_kept_as_they_are():
    picture = base64.b64encode(png()).decode()
    items = [
        {"output_type": "stream", "name": "stderr", "text": "a\n"},
        {"output_type": "display_data", "data": {"text/plain": "a", "image/png": picture}, "metadata": {}},
        {"output_type": "execute_result", "data": {"text/plain": "a"}, "metadata": {}, "execution_count": None},
        {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["1", "2"]},
    ]
    assert keep_safe(items) == items
    assert keep_safe(items * 300) == (items * 300)[:1000]


@pytest.mark.parametrize(
    "item",
    [
        {"output_type": "stream", "name": "stdout", "text": "12345"},
        {"output_type": "display_data", "data": {"text/plain": "12345"}, "metadata": {}},
        {"output_type": "error", "ename": "12345", "evalue": "", "traceback": []},
        {"output_type": "error", "ename": "", "evalue": "12345", "traceback": []},
        {"output_type": "error", "ename": "", "evalue": "1", "traceback": ["23", "45"]},
    ],
)
def test_outputs_of_all_cells_count_together_wherever_their_text_stands(item):
    kept = Kept(10)
    assert kept.keep([item]) == [item]
    assert kept.keep([item]) == [item]
    assert "exceed 10 bytes" in kept.keep([item])[0]["evalue"]


def test_gradients_are_taken_only_if_they_are_what_was_asked_for():
    a, b = torch.ones(2), torch.zeros(2)
    answer = read_answer({"kind": "value", "value": a, "gradients": [b, None]}, 2)
    assert (answer.kind, answer.value, answer.gradients) == ("value", a, [b, None])
    assert read_answer({"kind": "value", "value": a}, 2).gradients is None  # the shapes did not fit
    assert read_answer({"kind": "value", "value": a, "gradients": [b]}, None).gradients is None
    for found in ([b], [b, b, b], (b, b), "ab", [b, 3.0], [b, [b]]):
        assert read_answer({"kind": "value", "value": a, "gradients": found}, 2).kind == "malformed"


def test_of_a_reply_without_a_value_only_known_words_and_bounded_texts_are_taken():
    answer = read_answer({"kind": "raised", "message": "x" * 3000, "type_name": "E", "line": 7}, None)
    assert (answer.kind, answer.message, answer.type_name) == ("raised", "x" * 2000, "E")
    assert answer.line == 7
    assert [read_answer({"kind": "raised", "line": n}, None).line for n in (0, -1, 10**6, True, 1)] == [None] * 4 + [1]
    for kind in ("timeout", "died", "malformed", "too-many-calls", "x", None, 3, ["value"]):  # not the process's to say
        assert read_answer({"kind": kind, "value": 1}, None).kind == "malformed"


json_like = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4), st.tuples(inner)
    ),
    max_leaves=10,
)
names = st.sampled_from(["output_type", "name", "text", "data", "ename", "evalue", "traceback", "metadata", "html"])
kinds = st.sampled_from(["stream", "display_data", "execute_result", "error", "update_display_data"])
GOOD_PNG = base64.b64encode(png()).decode()
data = st.dictionaries(
    st.sampled_from(["text/plain", "text/html", "image/png", "image/svg+xml"]), json_like | st.just(GOOD_PNG)
)
outputs = st.builds(
    lambda rest, kind, data: {**rest, "output_type": kind, "data": data},
    st.dictionaries(names, json_like | st.just("stdout")),
    kinds,
    data,
)
ALLOWED = {
    "stream": {"output_type", "name", "text"},
    "display_data": {"output_type", "data", "metadata"},
    "execute_result": {"output_type", "data", "metadata", "execution_count"},
    "error": {"output_type", "ename", "evalue", "traceback"},
}


@given(st.lists(outputs | json_like, max_size=5) | json_like)
def test_of_any_outputs_only_harmless_shapes_are_kept(value):
    for item in keep_safe(value):
        assert set(item) == ALLOWED[item["output_type"]]
        texts = [item.get("text", ""), item.get("ename", ""), item.get("evalue", "")]
        texts += item.get("traceback", [])
        texts += [item.get("data", {}).get("text/plain", "")]
        assert all(type(text) is str for text in texts)
        assert not any(set(text) & {"\0", "\x9b", "\x07"} for text in texts)
        assert set(item.get("data", {})) <= {"text/plain", "image/png"}
        assert item.get("metadata", {}) == {}
        assert is_png(item.get("data", {}).get("image/png", GOOD_PNG))


@given(json_like | st.dictionaries(st.sampled_from(["kind", "value", "gradients", "message", "line"]), json_like))
def test_any_reply_becomes_an_answer(reply: Any):
    answer = read_answer(reply, 1)
    assert isinstance(answer, Answer)
    assert type(answer.message) is type(answer.type_name) is type(answer.source) is str
    assert answer.line is None or type(answer.line) is int
