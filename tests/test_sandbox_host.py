"""The trusted side: what it refuses, what it says when there are no walls, what it keeps of outputs."""

import base64
import io
import json
import sys
import sysconfig
import unicodedata
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.font_manager import FontManager, fontManager, json_dump

from grader.sandbox import Answer, Limits, Sandbox, SandboxError, SandboxUnavailable
from grader.sandbox import bubblewrap as bubblewrap_module
from grader.sandbox.inside.isolate import (
    MANY_PROCESSES,
    OWN_PROCESSES,
    counts_processes_per_namespace,
    most_processes,
)
from grader.sandbox.mounts import check_mounts, hidden_options, python_paths
from grader.sandbox.outputs import Kept, is_png, keep_safe, plain_text
from grader.sandbox.reply import read_answer
from grader.sandbox.stage import stage_code
from tests import properties  # noqa: F401  # no time limit
from tests.sandbox_helpers import needs_bubblewrap, run_all, shown

# ---------------------------------------------------------------- walls or none


def test_without_bubblewrap_it_refuses_and_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SandboxUnavailable, match="install bubblewrap"), Sandbox():
        pass


def test_when_bubblewrap_cannot_start_its_complaint_is_told(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap_module, "find_bubblewrap", lambda: str(broken))
    with pytest.raises(SandboxUnavailable, match=r"(?s)uid map: Permission denied.*user namespaces"), Sandbox():
        pass


def test_a_library_that_the_sandbox_does_not_see_is_not_blamed_on_bubblewrap(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'numpy'\" >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap_module, "find_bubblewrap", lambda: str(broken))
    with pytest.raises(SandboxUnavailable, match=r"(?s)numpy.*environment of its own") as caught, Sandbox():
        pass
    assert "apt install" not in str(caught.value)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'bwrap' or 'none'"):
        Sandbox(mode="docker")  # type: ignore[arg-type]


def test_mode_none_works_and_says_that_it_protects_nothing(tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "shown.py").write_text("answer = 42\n")
    mounts = {"/course/lib": tmp_path / "lib"}
    with Sandbox(mounts, ["shown"], mode="none", python_path=["/course/lib"]) as sandbox:
        assert "none" in sandbox.protection
        assert "all your rights" in sandbox.protection
        with sandbox.kernel({"a.txt": b"abc"}) as kernel:
            run_all(kernel, "def f(x): return x + 1")
            assert shown(kernel.run("import shown\nopen('a.txt').read(), shown.answer")) == "('abc', 42)"
            with kernel.evaluation() as evaluation:
                assert evaluation.call("f", [1]).value == 2


@needs_bubblewrap
def test_a_module_that_does_not_load_is_an_error_of_ours():
    with pytest.raises(SandboxError, match="no_such_module"), Sandbox(modules=["no_such_module"]):
        pass


def test_the_stage_holds_the_inner_files_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "no fonts here"))
    stage_code(tmp_path)
    root = Path(__file__).parent.parent / "grader"
    inner = {f"wire/{p.name}" for p in (root / "wire").glob("*.py")}
    inner |= {f"sandbox/inside/{p.name}" for p in (root / "sandbox" / "inside").glob("*.py")}
    inner |= {"__init__.py", "sandbox/__init__.py", "sandbox/limits.py"}
    assert {str(p.relative_to(tmp_path / "cage")) for p in tmp_path.rglob("*") if p.is_file()} == inner


def list_fonts(folder, *paths):
    """A list as Matplotlib keeps it, with more fonts at these places."""
    name = folder / f"fontlist-v{FontManager.__version__}.json"
    json_dump(fontManager, name)
    fonts = json.loads(name.read_text())
    fonts["ttflist"] += [fonts["ttflist"][0] | {"name": Path(path).stem, "fname": path} for path in paths]
    name.write_text(json.dumps(fonts))


@needs_bubblewrap
def test_matplotlib_inside_takes_the_list_of_fonts_but_not_a_users_own(tmp_path, monkeypatch):
    list_fonts(tmp_path, "fonts/Shipped.ttf", "/usr/share/fonts/System.ttf", "/opt/ada/fonts/Own.ttf")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    with Sandbox() as sandbox, sandbox.kernel() as kernel:
        kernel.run("import matplotlib.font_manager as f\nnames = {t.name for t in f.fontManager.ttflist}")
        assert shown(kernel.run("sorted(names & {'Shipped', 'System', 'Own'})")) == "['Shipped', 'System']"


def test_a_user_without_a_home_has_no_list_of_fonts(tmp_path, monkeypatch):
    for name in ("HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])
    stage_code(tmp_path)
    assert not list((tmp_path / "fonts").iterdir())


DAMAGED = ["", "[]", "{}", '{"ttflist": [1], "afmlist": []}', '{"ttflist": [], "afmlist": []}']


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_list_of_fonts_is_left_out(tmp_path, monkeypatch, content):
    (tmp_path / "fontlist-v1.json").write_text(content)
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path))
    stage_code(tmp_path / "stage")
    assert not list((tmp_path / "stage" / "fonts").iterdir())


# ---------------------------------------------------------------- mounts


@pytest.mark.parametrize("place", ["/tmp/x", "/proc", "/dev/x", "/sandbox/code", "relative", "/a/../tmp"])
def test_a_mount_at_a_place_of_ours_is_refused(tmp_path, place):
    with pytest.raises(ValueError, match="cannot mount"):
        check_mounts({place: tmp_path}, everybody=False)


def test_a_mount_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        check_mounts({"/course": tmp_path / "missing"}, everybody=False)


def test_a_mount_that_nobody_may_read_is_refused_with_the_command_that_helps(tmp_path):
    tmp_path.chmod(0o755)
    private = tmp_path / "private.py"
    private.touch(mode=0o600)
    with pytest.raises(SandboxUnavailable, match="chmod -R o"):
        check_mounts({"/course": tmp_path}, everybody=True)
    private.chmod(0o644)
    assert check_mounts({"/course": tmp_path}, everybody=True) == {"/course": tmp_path}


def test_installed_packages_with_answers_are_covered(monkeypatch, tmp_path):
    (tmp_path / "diffkit").mkdir()
    monkeypatch.setattr(sysconfig, "get_path", lambda kind: str(tmp_path))
    options = hidden_options(("diffkit", "absent"))
    assert options == ["--tmpfs", f"{tmp_path}/diffkit", "--remount-ro", f"{tmp_path}/diffkit"]


def test_of_a_python_only_the_parts_with_libraries_are_shown():
    assert {Path(path).name for path in python_paths()} <= {"bin", "lib", "lib64", "pyvenv.cfg"}
    assert sys.prefix not in python_paths()


def test_the_kernels_way_of_counting_processes_is_known():
    assert counts_processes_per_namespace("6.1.0-18-amd64")
    assert counts_processes_per_namespace("5.14.0-rc1")
    assert not counts_processes_per_namespace("5.10.0-28-amd64")
    assert not counts_processes_per_namespace("4.18.0")


# ---------------------------------------------------------------- outputs


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


def test_an_old_kernel_has_a_limit_on_processes_with_room_for_other_programs(tmp_path):
    load = tmp_path / "loadavg"
    load.write_text("0.12 0.70 1.08 2/345 6789\n")
    limits = Limits(processes=10)
    assert most_processes(limits, "6.1.0", load) == 10 + OWN_PROCESSES
    assert most_processes(limits, "5.10.0", load) == 345 + 160
    assert most_processes(limits, "5.10.0", tmp_path / "absent") == MANY_PROCESSES + 160
