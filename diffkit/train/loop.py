"""The training loop: a generator of steps.  To stop early, stop asking: break out of your `for`."""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

import torch
from torch import Tensor, nn
from tqdm import tqdm

from diffkit.errors import RangeError, ShapeError
from diffkit.train.state import State

Loss = Callable[[nn.Module, torch.Generator], Tensor]
"""loss(net, generator): () or (B,), for a batch that it draws itself, all of its chance from the generator."""


class Step(NamedTuple):
    """One update.  number: updates done so far, from 1; loss: (), before the update, on the device.

    Reading the loss (`float(step.loss)`) waits for a GPU, so read it now and then, not at every step.
    """

    number: int
    loss: Tensor


def train(
    state: State,
    loss: Loss,
    *,
    steps: int | None = None,
    lr: Callable[[int], float] | None = None,
    clip_norm: float | None = None,
) -> Iterator[Step]:
    """Update the state until state.step == steps, or as long as you ask; yields after each update.

    The state is whole whenever a step is yielded: that is the time to save, sample or stop.
    lr: learning rate for the update with the given number, 1, 2, ..  clip_norm: longest gradient allowed.
    Raises RangeError, before the update, when the loss is not finite (on a CPU; on a GPU that would stall it).
    """
    if steps is not None and steps < state.step:
        raise RangeError(f"steps = {steps}, but {state.step} are done already: it is the number to end at")
    if clip_norm is not None and not clip_norm > 0:
        raise RangeError(f"clip_norm = {clip_norm}: it must be positive, or None for no limit")
    return _updates(state, loss, steps, lr, clip_norm)


def _updates(
    state: State,
    loss: Loss,
    steps: int | None,
    lr: Callable[[int], float] | None,
    clip_norm: float | None,
) -> Iterator[Step]:
    parameters = [p for group in state.optimizer.param_groups for p in group["params"]]
    while steps is None or state.step < steps:
        if lr is not None:
            for group in state.optimizer.param_groups:
                group["lr"] = lr(state.step + 1)
        for p in parameters:  # what optimizer.zero_grad does, without its ceremony
            p.grad = None
        value = _mean(loss(state.model, state.generator), state.step + 1)
        value.backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(parameters, clip_norm)
        state.optimizer.step()
        state.step += 1
        state.average()
        yield Step(state.step, value.detach())


def progress(steps: Iterable[Step], total: int | None = None, *, every: float = 0.5) -> Iterator[Step]:
    """The same steps, with a bar that shows the loss about every `every` seconds.

    The bar goes to standard output: notebooks show what comes on the other stream as an error.
    """
    steps = iter(steps)
    first = list(islice(steps, 1))  # before the bar: where the loss is not written yet, none stays behind at 0%
    with tqdm(total=total, unit="step", file=sys.stdout) as bar:
        shown = -every
        for step in chain(first, steps):
            bar.update(step.number - bar.n)
            if time.monotonic() - shown >= every:
                shown = time.monotonic()
                bar.set_postfix(loss=f"{float(step.loss):.4g}")
            yield step


def until_stopped(steps: Iterable[Step]) -> Iterator[Step]:
    """The same steps until somebody presses stop (Ctrl-C): the update in progress is finished, then they end.

    So the state stays whole and the program goes on with what has been learned.  Pressed twice, stop means at once:
    KeyboardInterrupt.  Outside of the main thread Python hears no such signal, and the steps are only handed on.
    """
    if threading.current_thread() is not threading.main_thread():
        yield from steps
        return
    pressed = False

    def press(*_: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, press)
    try:
        for step in steps:
            yield step
            if pressed:
                return
    finally:
        signal.signal(signal.SIGINT, before)


def _mean(value: Tensor, number: int) -> Tensor:
    if not isinstance(value, Tensor) or value.ndim > 1 or not value.is_floating_point():
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ShapeError(f"the loss returned {got}: return one number per example, (B,), or their mean, ()")
    if not value.requires_grad:
        raise RangeError("the loss does not depend on the network: is there a detach() or no_grad() in it?")
    value = value.mean() if value.ndim else value
    if value.device.type == "cpu" and not math.isfinite(found := value.item()):
        raise RangeError(f"the loss is {found} at step {number}: lower lr, set clip_norm, or look at the data")
    return value
