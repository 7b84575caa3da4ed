"""A mutant on trial: does it pass the graded cases of its exercise?"""

import dataclasses
import inspect
import signal
from contextlib import contextmanager

import torch

from grader.answer import ask_here
from grader.verdict import judge
from tests.equivalents import EQUIVALENT
from tests.mutants import mutants


@contextmanager
def at_most(seconds):
    """A mutant may never end: then it has not answered, which is refused like any other wrong answer."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def passes(e, function, seed):
    """Full marks for the function; the misconceptions are left out, because only the points matter here."""
    bare = dataclasses.replace(e, misconceptions=())

    def ask(case):
        with at_most(5):
            return ask_here(function, case)

    return judge(bare, e.cases(seed), ask).passed


def tensors(e):
    """The names of the parameters that are given tensors."""
    names = inspect.signature(e.reference).parameters
    return {n for c in e.cases(0) for n, a in zip(names, c.args, strict=False) if isinstance(a, torch.Tensor)}


def asked(e):
    """The mutants of an exercise that differ from its reference at all."""
    reason = EQUIVALENT.get(e.name, {})
    idle = {f"adds 1 to {n} in place" for n in inspect.signature(e.reference).parameters} - {
        f"adds 1 to {n} in place" for n in tensors(e)
    }
    return [m for m in mutants(e.reference) if m.name not in reason and m.name not in idle]
