"""Several processes, one training: the same script under `torchrun --nproc-per-node N script.py`.

Each process draws its own batches; gradients are averaged, so N processes train as one with N times the batch.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed as dist

from diffkit.train.state import own_device


@contextmanager
def distributed(device: torch.device | str = "cpu") -> Iterator[int]:
    """Join the other processes that torchrun started, if it did.  Gives this process's rank, 0 when alone.

    Make the state inside:  with distributed(device) as rank:  state = start(net, device=device)
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield 0
        return
    place = own_device(device)
    if place.type == "cuda":
        torch.cuda.set_device(place)
    dist.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield dist.get_rank()
    finally:
        dist.destroy_process_group()


def world() -> tuple[int, int]:
    """(rank, number of processes); (0, 1) when alone."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def gather(value: torch.Tensor, device: torch.device) -> list[torch.Tensor]:
    """The value of every process, by rank, on the CPU."""
    if not dist.is_initialized():
        return [value]
    value = value.to(device)
    out = [torch.empty_like(value) for _ in range(dist.get_world_size())]
    dist.all_gather(out, value)
    return [v.cpu() for v in out]
