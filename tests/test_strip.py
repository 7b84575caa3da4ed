"""The library that a sandbox sees holds no answer: forwarding to it earns nothing."""

import importlib
import inspect
import subprocess
import sys
import textwrap

import pytest

from diffkit.data import data_folder
from grader import strip
from grader.answer import ask_here
from grader.exercise import Served
from grader.exercises import LESSONS, MODULES, withheld
from grader.verdict import judge

LESSON_NAMES = list(LESSONS)


@pytest.fixture(params=LESSON_NAMES)
def stripped(request, tmp_path, monkeypatch):
    """Imports the stripped library in the place of the whole one; gives (lesson, its modules)."""
    strip.write(tmp_path, MODULES[request.param], withheld(request.param))
    kept = {name: m for name, m in sys.modules.items() if name.split(".")[0] == "diffkit"}
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    modules = [importlib.import_module(f"diffkit.{m}") for m in MODULES[request.param]]
    assert all(m.__file__.startswith(str(tmp_path)) for m in modules)
    yield request.param, modules
    for name in [n for n in sys.modules if n.split(".")[0] == "diffkit"]:
        del sys.modules[name]
    sys.modules.update(kept)


def callables(modules):
    """Every function and every method of the library, methods as functions of what makes the object."""
    for module in modules:
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__:
                continue  # imported: torch and its like, or seen in its own module
            if inspect.isfunction(value):
                yield f"{module.__name__}.{name}", value
            elif inspect.isclass(value):
                for attribute in dir(value):
                    if not attribute.startswith("__"):
                        yield f"{module.__name__}.{name}.{attribute}", forward_to(value, attribute)


def forward_to(cls, attribute):
    """Make an object of the first arguments, and hand the rest to its method; or read its property."""

    def forwarded(*args):
        for split in range(len(args) + 1):
            try:
                found = getattr(cls(*args[:split]), attribute)
                return found(*args[split:]) if callable(found) else found
            except RuntimeError as error:
                if "withheld" in str(error):
                    raise
            except Exception:  # another split may fit
                continue
        raise TypeError("no split of the arguments fits")

    return forwarded


def test_no_function_of_the_stripped_library_earns_a_point_when_asked_directly(stripped):
    lesson, modules = stripped
    tried = list(callables(modules))
    assert len(tried) > 20
    for exercise in LESSONS[lesson]:
        cases = [c for c in exercise.cases(0) if not any(isinstance(a, Served) for a in c.args)]
        for name, function in tried:
            if cases and ask_here(function, cases[0]).kind == "value":
                verdict = judge(exercise, exercise.cases(0), lambda c, f=function: ask_here(f, c))
                assert verdict.points == 0, f"{name} answers {exercise.name}"


def test_withheld_functions_say_so(stripped):
    lesson, modules = stripped
    functions = {n: f for n, f in callables(modules) if n in withheld(lesson) and n.count(".") == 2}
    assert functions
    for function in functions.values():
        needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
        with pytest.raises(RuntimeError, match="withheld while grading"):
            function(*[None for p in needed if p.kind is p.POSITIONAL_OR_KEYWORD])


def test_the_lessons_first_cell_runs_in_the_stripped_world(tmp_path):
    strip.write(tmp_path, MODULES["02_forward_process"], withheld("02_forward_process"))
    cell = textwrap.dedent("""
        from diffkit import data, explorers, forward, plots, schedule
        from diffkit.equations import equation, erratum, notation
        from grader import check, hint, progress, solution, when_written
        check("forward.q_step", None)
        solution("forward.q_step")
        progress(), progress.next(), progress.merge("x.json")
        assert progress.done() == {}
        equation("2.1")
        explorers.forward_process()
        with when_written():
            raise NotImplementedError
        print(data.digits().images.shape)
    """)
    environment = {"PYTHONPATH": str(tmp_path), "DIFFKIT_DATA": str(data_folder()), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", cell]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "torch.Size([1797, 1, 8, 8])\n", done.stderr


def test_bodies_go_and_docstrings_stay():
    source = 'class A:\n    def f(self):\n        """Says."""\n        return 42\n\ndef g():\n    return 7\n'
    text, found = strip.strip(source, "m", {"m.A.f"})
    assert found == {"m.A.f"}
    assert "42" not in text
    assert "Says." in text
    assert "return 7" in text


def test_a_name_that_is_not_there_stops_the_build(tmp_path):
    with pytest.raises(strip.StripError, match=r"forward\.q_smaple"):
        strip.write(tmp_path, ["forward"], ["diffkit.forward.q_smaple"])
    with pytest.raises(strip.StripError, match="no module"):
        strip.write(tmp_path / "other", ["nothing"], [])
