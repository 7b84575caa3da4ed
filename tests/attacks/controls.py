"""Honest submissions with the habits that cost points elsewhere.  All must have full marks."""

from grader.demo.student import first
from tests.attacks.attack import Attack, honest

USUAL = """
def q_sample(x_0, t, alpha_bar, noise):
    a = alpha_bar[t].to(x_0).reshape(-1, *[1] * (x_0.ndim - 1))
    {}
    return a.sqrt() * x_0 + (1 - a).sqrt() * noise
"""

FAMILY: tuple[Attack, ...] = (
    honest("prints", "prints a lot, in the cell and in the function", "print('x' * 500_000)",
           USUAL.format("print('called with', x_0.shape)")),
    honest("warns", "warns", "import warnings; warnings.warn('old')", USUAL.format("warnings.warn('inside')")),
    honest("logs", "logs to stderr", "import logging, sys; logging.basicConfig(); print('note', file=sys.stderr)",
           USUAL.format("logging.error('inside'); print('x', file=sys.stderr)")),
    honest("shows_values", "shows negative numbers, NaN, text and rich objects", """
display(-3, float("nan"), "44 of 44")
-3
"""),
    honest("threads", "works with threads", """
import threading
def run(work):
    thread = threading.Thread(target=work); thread.start(); thread.join()
""", USUAL.format("run(lambda: a.sqrt())")),
    honest("thread_pool", "has a pool of threads that lives on", """
from concurrent.futures import ThreadPoolExecutor
""", USUAL.format("a = ThreadPoolExecutor(2).submit(lambda: a).result()")),
    honest("processes", "loads data in worker processes", """
from torch.utils.data import DataLoader, TensorDataset
total = sum(x.sum() for (x,) in DataLoader(TensorDataset(torch.ones(8, 2)), batch_size=4, num_workers=2))
assert total == 16
"""),
    honest("classes", "helper classes, dataclasses and closures", """
from dataclasses import dataclass
@dataclass
class Both:
    a: torch.Tensor
    def mix(self, x, noise): return self.a.sqrt() * x + (1 - self.a).sqrt() * noise
""", USUAL.format("return Both(a).mix(x_0, noise)")),
    honest("magics", "magics and shell commands", """
%matplotlib inline
%timeit -n1 -r1 1
!echo hello
files = !ls
%load_ext autoreload
"""),
    Attack("cell_magic", "a cell with %%time", first("%%time\nx = 1"), control=True),
    honest("globals", "a global counter and a table that is made once", "COUNT = 0\nTABLE = {}",
           USUAL.format("global COUNT; COUNT += 1; TABLE[COUNT] = x_0.shape")),
    honest("seeds", "torch.manual_seed in the cell and in the function", "torch.manual_seed(0); torch.rand(3)",
           USUAL.format("torch.manual_seed(3)")),
    honest("slow", "takes its time, and is ready in time", "import time; time.sleep(1.5)",
           USUAL.format("time.sleep(0.2)")),
    honest("busy", "computes for a second", """
import time
until = time.process_time() + 1
while time.process_time() < until: pass
"""),
    honest("helper_files", "writes helper files and reads them again", """
import pathlib
pathlib.Path("sub").mkdir(); pathlib.Path("sub/a.txt").write_text("5"); torch.save(torch.ones(2), "/tmp/x.pt")
""", USUAL.format("assert open('sub/a.txt').read() == '5' and torch.load('/tmp/x.pt').sum() == 2")),
    honest("temporary_files", "uses temporary files", "import tempfile",
           USUAL.format("tempfile.NamedTemporaryFile().write(b'x')")),
    honest("plots", "plots, with a title in TeX", """
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.title(r"$\\bar\\alpha_t$"); plt.show()
fig, ax = plt.subplots(3); fig.savefig("figure.png")
"""),
    honest("fails_elsewhere", "a cell of one's own that fails", "1 / 0"),
    honest("asks_for_input", "calls input()", "try: name = input('name? ')\nexcept Exception: name = 'x'"),
    honest("numpy", "computes in NumPy and goes back to torch", "import numpy as np",
           USUAL.format("np.random.seed(3); assert np.allclose(a.numpy(), a.numpy())")),
    honest("autograd_off", "turns gradients off and on", "torch.set_grad_enabled(False); torch.set_grad_enabled(True)"),
    honest("default_dtype", "changes the default dtype", "torch.set_default_dtype(torch.float64)"),
    honest("async", "awaits at the top of a cell", "import asyncio\nawait asyncio.sleep(0.01)"),
    honest("decorators", "caches, decorates, annotates", "import functools, typing as t\nF = functools.lru_cache(None)(abs)",
           USUAL.format("x: t.Any = F(-1)")),
    honest("big_tensors", "a gigabyte of tensors, given back", "x = torch.zeros(1 << 28); del x"),
    honest("unicode", "letters of every kind", "α, 名前 = 1, '🙂'; print(α, 名前, 'naïve')"),
)  # fmt: skip
