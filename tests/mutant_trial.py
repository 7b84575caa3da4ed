"""A mutant on trial: does it pass the graded cases of its exercise?"""

import inspect
import signal
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache

import torch

from grader.answer import ask_here
from grader.exercises import EXERCISES
from grader.verdict import expected_answer, finding_in
from tests.equivalents import EQUIVALENT
from tests.mutants import mutants
from tests.styles import in_float64


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
    return meets(function, questions(e.name, seed))


def won_by_rounding(e, function, rounded, seed):
    """The criteria that the function meets when it is rounded, and not as it is, nor when all is computed in float64.

    Neither a dtype counts here, nor that an argument was changed: a rounded copy of it may be.
    """
    cases = [(replace(c, strict_dtype=False), answer) for c, answer in questions(e.name, seed) if c.ask != "twice"]
    by_criterion = {c.criterion: [row for row in cases if row[0].criterion == c.criterion] for c, _ in cases}
    return {
        criterion
        for criterion, asked_for in by_criterion.items()
        if meets(rounded(function), asked_for)
        and not any(meets(f, asked_for) for f in (function, in_float64(function)))
    }


def meets(function, cases):
    """Whether no case finds anything wrong."""
    for case, expected in cases:
        with at_most(2):
            answer = ask_here(function, case)
        if finding_in(case, expected, answer):
            return False
    return True


def has_a_tolerance(value):
    """Whether another answer may be near enough.  Whole numbers below 10,000 are refused if they are off by 1."""
    if isinstance(value, tuple):
        return any(map(has_a_tolerance, value))
    number = torch.as_tensor(value)
    return number.is_floating_point() or bool((number.abs() >= 10_000).any() if number.dtype != torch.bool else False)


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
