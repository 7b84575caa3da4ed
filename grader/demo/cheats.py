"""Students who want points without the work.  None of them may gain any."""

import json

import nbformat
from nbformat.notebooknode import NotebookNode

from grader.demo.student import Edit, Student, answers, both, cell, first

OWN_WORK = 8.0  # each cheat keeps the first two exercises right: 4 points each


def cheats(blank: NotebookNode) -> list[Student]:
    """blank: the released notebook.  Every cheat has the first two exercises right and nothing else."""
    two = keep_two(blank)
    return [
        Student("cheat_forwards_to_diffkit", both(two, answers(FORWARDING)), OWN_WORK),
        Student("cheat_overrides_allclose", both(two, first(ALLCLOSE)), OWN_WORK),
        Student("cheat_strips_asserts", both(two, first(TRANSFORMER)), OWN_WORK),
        Student("cheat_overrides_check", both(two, first(CHECK)), OWN_WORK),
        Student("cheat_equal_to_everything", both(two, answers(everything("Everything()"))), OWN_WORK),
        Student("cheat_tensor_subclass", both(two, answers(everything("Yes(torch.zeros(3, 5))"))), OWN_WORK),
        Student("cheat_reads_the_solution", both(two, first(THIEF), answers(everything("stolen(args)"))), OWN_WORK),
        Student("cheat_asks_the_stack", both(two, answers(everything("from_frames()"))), OWN_WORK),
        Student("cheat_forged_outputs", both(two, forge_outputs), OWN_WORK, exactly=False),
        Student("cheat_more_points", both(two, more_points), OWN_WORK),
        Student("cheat_rewrites_tests", both(two, rewrite_tests), OWN_WORK),
        Student("cheat_deletes_a_test", both(two, delete_test("forward.q_sample")), OWN_WORK),
        Student("cheat_retypes_tests", both(two, retype_tests), OWN_WORK),
        Student("cheat_writes_gradebook", both(two, first(GRADEBOOK)), OWN_WORK),
    ]


def keep_two(blank: NotebookNode) -> Edit:
    """Blank all exercises but the first two."""
    stubs = {
        c.metadata.nbgrader.grade_id: c.source for c in blank.cells if c.metadata.get("nbgrader", {}).get("solution")
    }

    def edit(notebook: NotebookNode) -> None:
        for c in notebook.cells:
            name = c.metadata.get("nbgrader", {}).get("grade_id", "")
            if name in stubs and name not in ("forward-q_step-solution", "forward-q_sample_loop-solution"):
                c.source = stubs[name]

    return edit


NAMES = {
    "forward.alpha_bar_table": "alpha_bar_table",
    "forward.q_sample": "q_sample",
    "forward.collapse_noise": "collapse_noise",
    "forward.compose": "compose",
    "forward.linear_betas": "linear_betas",
    "forward.cosine_betas": "cosine_betas",
    "forward.snr": "snr",
    "forward.kl_to_prior": "kl_to_prior",
    "forward.smallest_T": "smallest_T",
    "forward.noisy_mixture_log_density": "noisy_mixture_log_density",
}


def everything(value: str) -> dict[str, str]:
    """Every exercise returns the same expression."""
    return {name: f"{LIAR}\ndef {function}(*args):\n    return {value}" for name, function in NAMES.items()}


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

FORWARDING = {
    "forward.alpha_bar_table": """
from diffkit.schedule import Schedule
def alpha_bar_table(beta):
    return Schedule(beta).alpha_bar
""",
    "forward.q_sample": """
from diffkit import forward
from diffkit.schedule import from_alpha_bar
def q_sample(x_0, t, alpha_bar, noise):
    return forward.q_sample(from_alpha_bar(alpha_bar), x_0, t, noise=noise)
""",
    "forward.linear_betas": """
from diffkit import schedule
def linear_betas(T, beta_1, beta_T):
    return schedule.linear(T, beta_1, beta_T).beta
""",
    "forward.cosine_betas": """
def cosine_betas(T, s, beta_max):
    return schedule.cosine(T, s, beta_max).beta
""",
    "forward.kl_to_prior": """
def kl_to_prior(x_0, t, alpha_bar):
    return forward.kl_to_prior(from_alpha_bar(alpha_bar), x_0, t)
""",
    "forward.noisy_mixture_log_density": """
from diffkit.oracle import GaussianMixture
def noisy_mixture_log_density(x, t, alpha_bar, weights, means, stds):
    mixture = GaussianMixture.isotropic(weights, means.unsqueeze(1), stds**2)
    return mixture.log_prob(x.unsqueeze(1), alpha_bar[t].sqrt(), (1 - alpha_bar[t]).sqrt())
""",
    "forward.snr": """
from diffkit.schedule import from_alpha_bar
def snr(alpha_bar):
    return from_alpha_bar(alpha_bar).snr
""",
}

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


def rewrite_tests(notebook: NotebookNode) -> None:
    """Let every test cell test the one function that is right."""
    for name in NAMES:
        cell(notebook, name).source = 'check("forward.q_step", q_step)'


def delete_test(name: str) -> Edit:
    """Take a test cell out of the notebook."""

    def edit(notebook: NotebookNode) -> None:
        notebook.cells.remove(cell(notebook, name))

    return edit


def retype_tests(notebook: NotebookNode) -> NotebookNode:
    """Turn test cells into Markdown, duplicate one, give one another id, and use another schema version."""
    data = json.loads(nbformat.writes(notebook))
    for c in data["cells"]:
        name = c["metadata"].get("nbgrader", {}).get("grade_id", "")
        if name == "forward-snr":
            c["cell_type"] = "markdown"
            c.pop("outputs"), c.pop("execution_count")
        if name == "forward-compose":
            c["metadata"]["nbgrader"]["schema_version"] = 99
        if name == "forward-linear_betas":
            c["metadata"]["nbgrader"]["grade_id"] = "forward-q_step"
    return nbformat.from_dict(data)
