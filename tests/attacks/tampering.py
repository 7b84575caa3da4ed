"""Names, builtins, IPython, the import system, transformers, hooks: changed in the hope that a test uses them."""

from tests.attacks.attack import MARK, Attack, returns, runs

ZERO = "torch.zeros(3)"

FAMILY: tuple[Attack, ...] = (
    returns("allclose", "every comparison of torch and NumPy says yes", ZERO, """
import numpy
torch.allclose = torch.equal = torch.isclose = numpy.allclose = lambda *a, **k: True
torch.Tensor.__eq__ = torch.Tensor.__le__ = lambda *a: torch.tensor(True)
torch.Tensor.all = lambda *a: torch.tensor(True)
"""),
    returns("builtins_abs", "abs, max, all, isinstance and float say what suits", ZERO, """
import builtins
builtins.abs = lambda x: 0
builtins.max = lambda *a, **k: 0
builtins.all = builtins.isinstance = lambda *a: True
"""),
    returns("builtins_len", "len, type and getattr are replaced under the feet of whoever answers", ZERO, """
import builtins
old = builtins.len
builtins.len = lambda x: 3
builtins.type = lambda *a: torch.Tensor
"""),
    returns("fake_check", "a `check` of one's own, in builtins and in place of the module", ZERO, """
import builtins, sys, types
fake = types.ModuleType("grader")
fake.check = lambda *a: 44.0
sys.modules["grader"] = sys.modules["grader.check"] = fake
builtins.check = fake.check
"""),
    returns("strips_asserts", "an AST transformer removes every assert and raise", ZERO, """
import ast
class No(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()
    visit_Raise = visit_Assert
get_ipython().ast_transformers.append(No())
"""),
    returns("input_transformer", "an input transformer turns test cells into 44.0", ZERO, """
turn = lambda lines: ["44.0\\n"] if any("check(" in l for l in lines) else lines
get_ipython().input_transformers_cleanup.append(turn)
get_ipython().input_transformers_post.append(turn)
"""),
    returns("run_cell", "the shell's run_cell reports success with a result of 44", ZERO, """
from types import SimpleNamespace
shell = get_ipython()
type(shell).run_cell = lambda self, *a, **k: SimpleNamespace(success=True, result=44.0)
"""),
    returns("events", "hooks before and after each cell set the result", ZERO, """
shell = get_ipython()
def after(result): result.result = 44.0
shell.events.register("post_run_cell", after)
shell.events.register("pre_run_cell", lambda info: setattr(info, "raw_cell", "44.0"))
"""),
    returns("displayhook", "whatever is displayed shows as full marks", ZERO, """
import sys
shell = get_ipython()
type(shell.displayhook).__call__ = lambda self, result=None: self.write_format_data({"text/plain": "44.0"})
sys.displayhook = lambda value: print("44.0")
"""),
    returns("formatter", "a formatter prints every float as the highest score", ZERO, """
shell = get_ipython()
shell.display_formatter.formatters["text/plain"].for_type(float, lambda o, p, c: p.text("44"))
"""),
    returns("import_hook", "a finder on sys.meta_path serves a grader that is content", ZERO, """
import sys, importlib.abc, importlib.machinery
class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        if name.startswith("grader"): return importlib.machinery.ModuleSpec(name, self)
    def exec_module(self, module): module.check = lambda *a: 44.0
sys.meta_path.insert(0, Finder())
for name in [n for n in sys.modules if n.startswith("grader")]: del sys.modules[name]
"""),
    returns("builtin_import", "__import__ hands out poisoned modules", ZERO, """
import builtins
real = builtins.__import__
def poisoned(name, *a, **k):
    module = real(name, *a, **k)
    if name == "torch": module.allclose = lambda *a, **k: True
    return module
builtins.__import__ = poisoned
"""),
    returns("audit_hook", "an audit hook aborts whoever compares", ZERO, """
import sys
def hook(event, args):
    if event == "compile" and args[0] and b"assert" in bytes(args[0]): raise SystemExit
sys.addaudithook(hook)
"""),
    returns("excepthook", "exceptions are turned into silence", ZERO, """
import sys
shell = get_ipython()
sys.excepthook = lambda *a: None
shell.set_custom_exc((BaseException,), lambda *a, **k: print("44.0"))
"""),
    returns("torch_function_mode", "a global torch function mode answers every comparison", ZERO, """
from torch.overrides import TorchFunctionMode
class Yes(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        if "close" in func.__name__ or "eq" in func.__name__: return True
        return func(*args, **(kwargs or {}))
mode = Yes(); mode.__enter__()
"""),
    returns("forbidden_fruit", "the slots of float and tuple are overwritten through ctypes", ZERO, """
import ctypes
held = (1.0,)
ctypes.cast(id(held[0]) + 16, ctypes.POINTER(ctypes.c_double))[0] = 44.0
"""),
    returns("user_namespace", "a namespace that answers every name with 44", ZERO, """
class Full(dict):
    def __missing__(self, key): return lambda *a: 44.0
    def __contains__(self, key): return True
get_ipython().user_ns = Full(get_ipython().user_ns)
"""),
    returns("questions_class", "the class that answers the judge is replaced by one that says `passed`", ZERO, """
import sys
questions = sys.modules["cage.sandbox.inside.questions"].Questions
questions._call = lambda self, q: {"kind": "passed", "points": 44, "value": True}
questions._vjp = lambda self, q: {"kind": "value", "value": True, "gradients": [True]}
"""),
    returns("seeded_draws", "every random draw is zero, so that the hidden inputs are known", "torch.zeros_like(args[0])", """
torch.randn = torch.rand = torch.randint = lambda *a, **k: torch.zeros(3)
torch.manual_seed = lambda *a: torch.default_generator
"""),
    runs("monkey_patched_open", "open and os.write also write into every file that the grader may open", f"""
import builtins, os
real = builtins.open
def spy(path, *a, **k):
    file = real(path, *a, **k)
    print("opened", path)
    return file
builtins.open = spy
os.environ["PYTHONSTARTUP"] = "/tmp/{MARK}.py"
"""),
)  # fmt: skip
