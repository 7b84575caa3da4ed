"""A network call recorded once on a GPU and replayed: for small networks, whose time goes into starting kernels.

A sampler asks the same network a thousand times for the same shapes.  Each call starts dozens of small kernels, and the
GPU waits for Python between them.  A CUDA graph records the kernels of one call; a replay starts them all at once.

Source: PyTorch notes, "CUDA semantics", section CUDA Graphs.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from diffkit.errors import RangeError, ShapeError

WARM_UP = 3  # calls before the recording: libraries choose their kernels and allocate their workspaces there


class Captured:
    """f(x, t, ..), recorded; made by `capture`.  Without gradients; the result is a copy of its own."""

    def __init__(self, f: Callable[..., Tensor], examples: tuple[Tensor, ...]) -> None:
        self.inputs = tuple(x.clone() for x in examples)
        side = torch.cuda.Stream()  # a recording must not begin on the default stream
        side.wait_stream(torch.cuda.current_stream())
        with torch.no_grad(), torch.cuda.stream(side):
            for _ in range(WARM_UP):
                f(*self.inputs)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), torch.cuda.graph(self.graph):
            self.output = f(*self.inputs)

    def __call__(self, *args: Tensor) -> Tensor:
        if len(args) != len(self.inputs):
            raise ShapeError(f"{len(args)} arguments: this call was recorded with {len(self.inputs)}")
        for kept, given in zip(self.inputs, args, strict=True):
            if kept.shape != given.shape or kept.dtype != given.dtype:
                raise ShapeError(
                    f"got {given.dtype} {tuple(given.shape)}, recorded was {kept.dtype} {tuple(kept.shape)}: "
                    "record again for other shapes, or pass the network itself"
                )
            kept.copy_(given)
        self.graph.replay()
        return self.output.clone()


def capture(f: Callable[..., Tensor], *examples: Tensor) -> Captured:
    """f, recorded on arguments like these; the recorded call takes arguments of just these shapes and dtypes.

    f: a network or any function of CUDA tensors that never reads a value back, such as f(x, t); examples: x (B, *D),
    t (B,), ..  Weights are read at each replay, so a network that is updated in place stays up to date.
    Raises RangeError if an example is not on a GPU: on a CPU there is nothing to gain, so use f itself.
    """
    for x in examples:
        if not isinstance(x, Tensor) or x.device.type != "cuda":
            place = x.device if isinstance(x, Tensor) else type(x).__name__
            raise RangeError(f"an example is on {place}: recording needs CUDA tensors; elsewhere use f itself")
    if not examples:
        raise ShapeError("no examples: pass one tensor for each argument of f")
    return Captured(f, examples)
