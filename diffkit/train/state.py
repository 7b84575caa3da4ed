"""All that training changes, in one place: weights, their average, optimizer, random numbers, step count."""

import copy
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Adam, Optimizer

from diffkit.errors import RangeError
from diffkit.train.flat import lay_end_to_end

RANK_STRIDE = 1_000_003  # seeds of the processes are this far apart


@dataclass(eq=False)
class State:
    """Made by `start`, changed by `train` and `load`.

    net: the network that learns.  ema: its copy with averaged weights, without gradients, which you sample from; the
    two share their buffers.  Move neither to another device or dtype: make a new state, or copy.deepcopy(state.ema).
    model: what the loss calls: net, or net wrapped so that processes share gradients.  step: updates done so far.
    """

    net: nn.Module
    model: nn.Module
    ema: nn.Module
    optimizer: Optimizer
    generator: torch.Generator
    ema_decay: float
    ema_every: int = 1
    step: int = 0
    _weights: list[tuple[Tensor, Tensor]] = field(init=False, repr=False)  # (ema's, net's), all laid end to end

    def __post_init__(self) -> None:
        self._weights = list(zip(lay_end_to_end(self.ema), lay_end_to_end(self.net), strict=True))

    @property
    def device(self) -> torch.device:
        """Where the network is and the generator draws."""
        return self.generator.device

    def average(self) -> None:
        """ema = decay ema + (1 - decay) net, in one call for all weights.

        The first steps take decay = step / (step + 10): the start, which knows nothing, is forgotten at once.
        """
        if self.step % self.ema_every:
            return
        decay = min(self.ema_decay**self.ema_every, self.step / (self.step + 10 * self.ema_every))
        for averaged, weights in self._weights:
            averaged.lerp_(weights, 1 - decay)


def start(
    net: nn.Module,
    *,
    device: torch.device | str = "cpu",
    seed: int = 0,
    optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] | None = None,
    lr: float = 1e-3,
    ema_decay: float = 0.999,
    ema_every: int = 1,
) -> State:
    """A state at step 0.  The network is moved to the device, in place; it is not copied.

    optimizer: made from the parameters; the default is fused Adam with the rate lr.  seed: of the generator that
    draws batches, times and noise.  ema_every: average only at every n-th step, with decay^n, which costs less and
    with a decay near 1 says the same.  Under `distributed()`, "cuda" is this process's own GPU, and every process draws
    with a seed of its own.
    """
    if not 0 <= ema_decay < 1:
        raise RangeError(f"ema_decay = {ema_decay}: it lies in [0, 1); 0.999 averages about the last 1000 steps")
    if ema_every < 1:
        raise RangeError(f"ema_every = {ema_every}: it counts steps, at least 1")
    if optimizer is None and not 0 < lr < float("inf"):
        raise RangeError(f"lr = {lr}: the learning rate must be positive and finite")
    place = own_device(device)
    net = net.to(place).train()
    parameters = [p for p in net.parameters() if p.requires_grad]
    if not parameters:
        raise RangeError("this network has no parameters that learn: there is nothing to train")
    buffers = {id(b): b for b in net.buffers()}  # as if copied already: the average sees the latest ones
    ema = copy.deepcopy(net, buffers).eval().requires_grad_(False)
    model = DistributedDataParallel(net) if dist.is_initialized() else net
    rank = dist.get_rank() if dist.is_initialized() else 0
    generator = torch.Generator(place).manual_seed(seed + RANK_STRIDE * rank)
    made = Adam(parameters, lr=lr, fused=True) if optimizer is None else optimizer(parameters)
    return State(net, model, ema, made, generator, ema_decay, ema_every)


def own_device(device: torch.device | str) -> torch.device:
    """The device, checked; under torchrun "cuda" becomes the GPU of this process."""
    place = torch.device(device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise RangeError(f"device = {device}: this torch sees no CUDA GPU; use device='cpu'")
    if place == torch.device("cuda"):  # no index given
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return place
