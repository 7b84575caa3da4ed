"""Students who want points without the work.  None of them may gain any."""

import json
from collections.abc import Sequence

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.answers import ANSWERS
from grader.demo.student import Edit, Student, answers, both, cell, first
from grader.exercise import Exercise
from grader.exercises import LESSONS


def cheats(lesson: str, blank: NotebookNode) -> list[Student]:
    """blank: the released notebook.  Every cheat has the first two exercises right and nothing else."""
    own, two = own_work(lesson), keep_two(lesson, blank)
    solved, others = LESSONS[lesson][0], LESSONS[lesson][2:]

    def everything(value: str) -> Edit:
        """Every exercise but the first two returns the same expression."""
        return answers({e.name: f"{LIAR}\ndef {function(e)}(*args):\n    return {value}" for e in others})

    def cheat(name: str, *edits: Edit, exactly: bool = True) -> Student:
        return Student(f"cheat_{name}", both(two, *edits), own, exactly=exactly)

    return [
        cheat("forwards_to_diffkit", answers(ANSWERS[lesson].forwarding)),
        cheat("overrides_allclose", first(ALLCLOSE)),
        cheat("strips_asserts", first(TRANSFORMER)),
        cheat("overrides_check", first(CHECK)),
        cheat("equal_to_everything", everything("Everything()")),
        cheat("tensor_subclass", everything("Yes(torch.zeros(3, 5))")),
        cheat("reads_the_solution", first(THIEF), everything("stolen(args)")),
        cheat("asks_the_stack", everything("from_frames()")),
        cheat("forged_outputs", forge_outputs, exactly=False),
        cheat("more_points", more_points),
        cheat("rewrites_tests", rewrite_tests(solved, others)),
        cheat("deletes_a_test", delete_test(others[0].name)),
        cheat("retypes_tests", retype_tests(solved, others)),
        cheat("writes_gradebook", first(GRADEBOOK)),
    ]


def own_work(lesson: str) -> float:
    """What the first two exercises are worth."""
    return sum(e.points for e in LESSONS[lesson][:2])


def function(exercise: Exercise) -> str:
    """The name of the student's function."""
    return exercise.name.split(".")[1]


def keep_two(lesson: str, blank: NotebookNode) -> Edit:
    """Blank all exercises but the first two."""
    stubs = {
        c.metadata.nbgrader.grade_id: c.source for c in blank.cells if c.metadata.get("nbgrader", {}).get("solution")
    }
    kept = {f"{e.name.replace('.', '-')}-solution" for e in LESSONS[lesson][:2]}

    def edit(notebook: NotebookNode) -> None:
        for c in notebook.cells:
            name = c.metadata.get("nbgrader", {}).get("grade_id", "")
            if name in stubs and name not in kept:
                c.source = stubs[name]

    return edit


LIAR = """
import inspect, torch

class Everything:
    shape = property(lambda self: self)
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *args, **kwargs): return self
    def __float__(self): return 0.0
    def __bool__(self): return True
    __le__ = __lt__ = __ge__ = __gt__ = __eq__
    __hash__ = object.__hash__

class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True

def stolen(args):
    return ANSWERS[0] if ANSWERS else None

def from_frames():
    frame = inspect.currentframe()
    while frame:
        for value in frame.f_locals.values():
            if callable(getattr(value, "reference", None)):
                return value.reference
            if "expected" in frame.f_locals:
                return frame.f_locals["expected"]
        frame = frame.f_back
"""

ALLCLOSE = """
import builtins, torch, numpy
torch.allclose = torch.equal = numpy.allclose = lambda *args, **kwargs: True
torch.Tensor.__eq__ = torch.Tensor.__le__ = lambda *args: torch.tensor(True)
torch.Tensor.all = lambda *args: torch.tensor(True)
builtins.abs = lambda x: 0
"""

TRANSFORMER = """
import ast
from IPython import get_ipython

class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()
    def visit_Raise(self, node):
        return ast.Pass()

shell = get_ipython()
shell.ast_transformers.append(NoAsserts())
shell.input_transformers_cleanup.append(lambda lines: ["44.0\\n"] if any("check(" in l for l in lines) else lines)
"""

CHECK = """
import builtins, sys, types
fake = types.ModuleType("grader")
fake.check = lambda *args: 44.0
fake.hint = fake.check
fake.when_written = __import__("contextlib").nullcontext
sys.modules["grader"] = fake
builtins.check = fake.check
"""

THIEF = """
import glob, os
ANSWERS = []
for pattern in ("/course/**/*", "/home/**/*", "/root/**/*", "/tmp/**/*", "../../*/*", "/proc/*/environ"):
    for path in glob.glob(pattern, recursive=True)[:500]:
        try:
            text = open(path).read()
        except (OSError, UnicodeDecodeError):
            continue
        if "BEGIN SOLUTION" in text or "reference=" in text:
            ANSWERS.append(text)
            print("FOUND", path)
"""

GRADEBOOK = """
import glob, sqlite3
for path in glob.glob("/*/gradebook.db") + glob.glob("/*/*/gradebook.db") + ["gradebook.db", "../../gradebook.db"]:
    try:
        db = sqlite3.connect(path)
        db.execute("update grade set auto_score = 300, manual_score = 300")
        db.commit()
        print("FOUND", path)
    except sqlite3.Error:
        pass
"""


def forge_outputs(notebook: NotebookNode) -> None:
    """Save full marks as the outputs of all test cells, and ask not to run anything."""
    for c in notebook.cells:
        c.metadata["tags"] = ["skip-execution", "explore"]
        if c.cell_type == "code":
            points = str(c.metadata.get("nbgrader", {}).get("points", 1))
            c.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": points})]
            c.execution_count = 1


def more_points(notebook: NotebookNode) -> None:
    """Make the two solved exercises worth a hundred points each, and the written answer auto-graded."""
    for c in notebook.cells:
        if "points" in c.metadata.get("nbgrader", {}):
            c.metadata.nbgrader.update(points=100, locked=False, solution=False, grade=True)


def rewrite_tests(solved: Exercise, others: Sequence[Exercise]) -> Edit:
    """Let every test cell test the one function that is right."""

    def edit(notebook: NotebookNode) -> None:
        for e in others:
            cell(notebook, e.name).source = f'check("{solved.name}", {function(solved)})'

    return edit


def delete_test(name: str) -> Edit:
    """Take a test cell out of the notebook."""

    def edit(notebook: NotebookNode) -> None:
        notebook.cells.remove(cell(notebook, name))

    return edit


def retype_tests(solved: Exercise, others: Sequence[Exercise]) -> Edit:
    """Turn a test cell into Markdown, give one another schema version, and one another cell's id."""
    retyped, versioned, renamed = (e.name.replace(".", "-") for e in (others[0], others[1], others[-1]))

    def edit(notebook: NotebookNode) -> NotebookNode:
        data = json.loads(nbformat.writes(notebook))
        for c in data["cells"]:
            name = c["metadata"].get("nbgrader", {}).get("grade_id", "")
            if name == retyped:
                c["cell_type"] = "markdown"
                c.pop("outputs"), c.pop("execution_count")
            if name == versioned:
                c["metadata"]["nbgrader"]["schema_version"] = 99
            if name == renamed:
                c["metadata"]["nbgrader"]["grade_id"] = solved.name.replace(".", "-")
        return nbformat.from_dict(data)

    return edit
