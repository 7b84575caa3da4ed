"""Return values that are not what they seem."""

from tests.attacks.attack import Attack, returns

CLASS = """
class Anything:
    shape = property(lambda self: self)
    dtype = property(lambda self: self)
    __class__ = torch.Tensor
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
    def __float__(self): return 0.0
    def __bool__(self): return True
    def __iter__(self): return iter(())
    __le__ = __lt__ = __ge__ = __gt__ = __eq__
    __hash__ = object.__hash__
class Yes(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return True
class Number(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __sub__
class Pair(tuple):
    def __len__(self): return 2
    def __iter__(self): return iter((0.0, 0.0))
"""

FAMILY: tuple[Attack, ...] = (
    returns("equal_to_all", "an object that equals everything and calls itself a tensor", "Anything()", CLASS),
    returns("subclass", "a tensor subclass that answers every operation with True", "torch.zeros(3).as_subclass(Yes)",
            CLASS),
    returns("number_subclass", "a float whose difference to anything is zero", "Number(1)", CLASS),
    returns("tuple_subclass", "a tuple that pretends to have the right length", "Pair((1, 2, 3))", CLASS),
    returns("mock", "a mock that has every attribute", "__import__('unittest.mock').mock.MagicMock()"),
    returns("nan", "NaN, which no comparison finds too far away", "torch.full_like(args[0], float('nan'))"),
    returns("nan_number", "a NaN for a number", "float('nan')"),
    returns("infinity", "infinities, whose distance is NaN", "torch.full_like(args[0], float('inf'))"),
    returns("all_true", "a tensor of True", "torch.ones_like(args[0], dtype=torch.bool)"),
    returns("true", "True, as if asked for a verdict", "True"),
    returns("points", "the number of points", "44.0"),
    returns("input", "its own input, which may be what is compared with", "args[0]"),
    returns("view_of_inputs", "a view of all inputs at once, to be changed by the judge's own work",
            "torch.as_strided(args[0], args[0].shape, [0] * args[0].ndim)"),
    returns("zeroes_inputs", "changes the inputs so that the expected value is zero too",
            "[a.zero_() for a in args if isinstance(a, torch.Tensor)] and torch.zeros_like(args[0])"),
    returns("alias", "one tensor for all answers, changed later by a thread", "OUT", """
import threading, time
OUT = torch.zeros(3)
def later():
    while True: time.sleep(0.01); OUT.add_(1)
threading.Thread(target=later, daemon=True).start()
"""),
    returns("generator", "a generator that waits for the expected value to be sent into it", "(yield)"),
    returns("iterator", "an endless iterator", "iter(int, 1)"),
    returns("lazy", "a tensor on the meta device, with a shape and no values",
            "torch.empty(args[0].shape, device='meta')"),
    returns("sparse", "a sparse tensor without entries", "torch.sparse_coo_tensor(size=args[0].shape)"),
    returns("complex", "complex numbers, whose order is undefined", "torch.zeros_like(args[0], dtype=torch.complex64)"),
    returns("low_precision", "half precision, hoping for a wide tolerance", "args[0].to(torch.bfloat16) * 0.99"),
    returns("huge_scale", "1e38 everywhere, hoping that tolerances grow with it", "torch.full_like(args[0], 1e38)"),
    returns("giant", "a value of a terabyte that takes no memory here", "torch.zeros(1).expand(2 ** 40)"),
    returns("giant_integer", "an integer of a million digits", "10 ** 1_000_000"),
    returns("wide_integer", "an integer that no float can hold", "2 ** 250"),
    returns("deep", "lists in lists in lists", "__import__('functools').reduce(lambda a, _: [a], range(20_000), 0)"),
    returns("itself", "a list that contains itself", "(lambda a: a.append(a) or a)([])"),
    returns("many_parts", "a tuple of a million values", "tuple(range(1_000_000))"),
    returns("many_axes", "a tensor with sixty axes", "torch.zeros([1] * 60)"),
    returns("no_elements", "a tensor without elements: nothing in it differs", "torch.zeros(0)"),
    returns("strange_shape", "an empty tensor with an enormous shape", "torch.zeros(0, 2 ** 40, 2 ** 20)"),
    returns("future", "a promise", "__import__('concurrent.futures').futures.Future()"),
    returns("function", "a function that would compute it, if only it were called with the answer", "lambda *a: a[-1]"),
    returns("exception", "an exception that says `passed`", "AssertionError('passed')"),
    returns("text", "the words that a test would print", "'all tests passed, 44 of 44 points'"),
    returns("dict", "a verdict as a dict", "{'points': 44, 'passed': True, 'kind': 'value'}"),
    returns("by_the_stack", "the expected value, looked for in the frames of whoever asks", "found()", """
import inspect
def found():
    frame = inspect.currentframe()
    while frame:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            if name in ("expected", "reference", "want") or callable(getattr(value, "reference", None)): return value
        frame = frame.f_back
"""),
    returns("self_changing", "another answer at each call, hoping that one is kept", "next(ANSWERS)", """
import itertools
ANSWERS = itertools.cycle([torch.zeros(3), torch.ones(3), 0.0, 1.0])
"""),
)  # fmt: skip
