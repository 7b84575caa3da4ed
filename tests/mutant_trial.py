"""A mutant on trial: does it pass the graded cases of its exercise?"""

import inspect
import signal
from contextlib import contextmanager
from functools import lru_cache

import torch

from grader.answer import ask_here
from grader.exercises import EXERCISES
from grader.verdict import expected_answer, finding_in
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


@lru_cache(maxsize=64)
def questions(name, seed):
    """The graded cases of an exercise with the right answers.  Asking copies arguments, so all mutants share them."""
    e = EXERCISES[name]
    return [(case, expected_answer(e, case)) for case in e.cases(seed)]


def passes(e, function, seed):
    """Full marks for the function: no case of the exercise finds anything wrong.  The first finding decides."""
    for case, expected in questions(e.name, seed):
        with at_most(2):
            answer = ask_here(function, case)
        if finding_in(case, expected, answer):
            return False
    return True


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
