"""A stand-in for a GPU, for machines that have none: tensors that hold CPU numbers and say that they are elsewhere.

With it a test can ask what a user with a GPU finds out first: does an operation mix two devices, does a result come
back on the wrong one, does a loop wait for the device at every step?  What it cannot show: the speed, rounding, memory
and kernels of a real one.

How: a tensor subclass wraps a CPU tensor, and `__torch_dispatch__` sees every operation on it, those of C++ code too,
after autograd has.  Its device type is "lazy": a name that every build of torch knows, for which no backend runs unless
asked, and whose gradients torch computes in the caller's thread.  PrivateUse1, the name meant for backends of one's
own, is registered once per process, cannot be taken back, and from then on is an accelerator to every other test.  Here
all that is global lasts as long as `other_device()`: two modes for what is made from nothing, and two names of torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

DEVICE = torch.device("lazy", 0)  # with an index, as tensors on a GPU have one
CPU = torch.device("cpu")
ops = torch.ops.aten
INDEXING = {ops.index, ops.index_put, ops.index_put_}
# CUDA takes a number on the CPU (a tensor without axes) beside its own tensors where it works entry by entry ..
TAKES_NUMBERS = {ops.masked_fill, ops.masked_fill_, ops.fill_, ops.index_put, ops.index_put_}
TAKES_NONE = {ops.addcmul, ops.addcmul_, ops.addcdiv, ops.addcdiv_, ops.lerp, ops.lerp_}  # .. but not here
# These wait too, beside those whose result torch itself marks as depending on values.
WAITS = {ops.multinomial, ops._linalg_check_errors, ops._linalg_eigh, ops._linalg_svd}
TAGS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
MADE_FROM_NUMBERS = {torch.tensor, torch.as_tensor, torch.asarray}
HostGenerator = torch.Generator
optimizer = import_module("torch.optim.optimizer")  # torch.optim hides its name
waits: list[str] = []  # the operations that made the CPU wait for the device, since `counted()` began


class OnDevice(Tensor):
    """held: the CPU tensor with the numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "OnDevice":
        about: Any = {"strides": held.stride(), "storage_offset": held.storage_offset(), "dtype": held.dtype}
        self = Tensor._make_wrapper_subclass(cls, held.size(), **about, device=DEVICE)  # type: ignore[attr-defined]
        self.held = held
        return self

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None) -> Any:
        """What CUDA tensors do and torch refuses to subclasses, or builds below the level of dispatch."""
        if func in (Tensor.numpy, Tensor.__array__):
            raise TypeError(f"can't convert {DEVICE} device type tensor to numpy. Use Tensor.cpu() first")
        if func in (Tensor.tolist, Tensor.__format__):
            return func(args[0].cpu(), *args[1:])
        if func is Tensor.new_tensor:
            return _from_numbers(torch.tensor, args[1:], {"dtype": args[0].dtype, "device": DEVICE, **(kwargs or {})})
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            args = (args[0], _without_lists(args[1]), *args[2:])
        with torch._C.DisableTorchFunctionSubclass():
            out = func(*args, **(kwargs or {}))
        if func == Tensor.data.__set__:  # type: ignore[attr-defined]
            args[0].held = args[1].held.detach()
        return out

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None) -> Any:  # type: ignore[override]
        return _run(func, args, kwargs or {})

    # With these two torch knows it as a wrapper, and `module.to(..)` exchanges parameters instead of their memory.
    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(parts, meta, size, stride) -> "OnDevice":
        return OnDevice(parts["held"])


class OnDeviceGenerator(torch.Generator):
    """Draws what a CPU generator with its seed draws, so that results can be compared."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return DEVICE


class _Generator(torch.Generator):
    """What `torch.Generator` is meanwhile: it makes generators of either kind."""

    def __new__(cls, device: torch.device | str = "cpu") -> torch.Generator:  # type: ignore[misc]
        return OnDeviceGenerator() if torch.device(device).type == DEVICE.type else HostGenerator(device)


class _Factories(TorchDispatchMode):
    """For operations that meet no tensor of the device: `torch.zeros(3, device=..)`, `x.to(device)`, `randn(..)`."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None) -> Any:
        return _run(func, args, kwargs or {})


class _Calls(TorchFunctionMode):
    """What is lost below: `torch.tensor(numbers, device=..)` fills memory at once, a generator forgets its class."""

    def __torch_function__(self, func, types, args=(), kwargs=None) -> Any:
        kwargs = kwargs or {}
        if func in MADE_FROM_NUMBERS and not isinstance(args[0], Tensor):
            return _from_numbers(func, args, kwargs)
        drawer: torch.Generator | None = kwargs.get("generator")
        place = kwargs.get("device") or next((x.device for x in args if isinstance(x, Tensor)), CPU)
        if drawer is not None and drawer.device.type != torch.device(place).type:
            raise RuntimeError(f"Expected a {place} device type for generator but found {drawer.device}")
        return func(*args, **kwargs)


@contextmanager
def other_device() -> Iterator[torch.device]:
    """The device; it exists inside of the `with`, and so should the tensors on it."""
    import_module("torch._dynamo")  # by itself torch loads it at the first operation, in the midst of the patches
    devices = optimizer._get_fused_kernels_supported_devices()
    with (
        _Factories(),
        _Calls(),
        patch("torch.Generator", _Generator),
        patch.object(optimizer, "_get_fused_kernels_supported_devices", lambda: [*devices, DEVICE.type]),
    ):
        yield DEVICE


@contextmanager
def counted() -> Iterator[list[str]]:
    """The operations inside of the `with` that made the CPU wait for the device, one entry each."""
    waits.clear()
    yield waits


def _from_numbers(func, args, kwargs) -> Tensor:
    place = torch.device(kwargs.pop("device", None) or CPU)
    made = func(*args, **kwargs, device=CPU if place.type == DEVICE.type else place)
    return made.to(place)


def _without_lists(index: Any) -> Any:
    if isinstance(index, tuple):
        return tuple(map(_without_lists, index))
    return torch.tensor(index) if isinstance(index, list) else index


def _run(func, args, kwargs) -> Any:
    """The operation on the numbers inside, after checking what CUDA would check."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
    wrapped = {id(x.held): x for x in tensors if isinstance(x, OnDevice)}
    wanted = kwargs.get("device")
    there = bool(wrapped) if wanted is None else torch.device(wanted).type == DEVICE.type
    op = func.overloadpacket
    if wrapped and op not in (ops._to_copy, ops.copy_):
        _check_devices(func, op, args, tensors)
    if _has_to_wait(func, op, args, kwargs, bool(wrapped), there):
        waits.append(str(func))
    inner, named = tree_map_only(OnDevice, lambda x: x.held, (args, kwargs))
    out = func(*inner, **({**named, "device": CPU} if wanted is not None and there else named))
    for x in wrapped.values():
        if x.shape != x.held.shape or x.stride() != x.held.stride():  # `x.squeeze_()`, also in the C++ of x @ y
            with torch._C.DisableTorchFunctionSubclass():
                x.data = OnDevice(x.held)
    if op is ops.copy_:
        return args[0]
    return tree_map_only(Tensor, lambda x: wrapped[id(x)] if id(x) in wrapped else OnDevice(x), out) if there else out


def _check_devices(func, op, args, tensors) -> None:
    if op in INDEXING:
        if not isinstance(args[0], OnDevice):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
        tensors = args[2:3]  # the values: the indices may be on the CPU
    numbers = (torch.Tag.pointwise in func.tags and op not in TAKES_NONE) or op in TAKES_NUMBERS
    host = [x for x in tensors if not isinstance(x, OnDevice)]
    written = any(a.alias_info is not None and a.alias_info.is_write for a in func._schema.arguments)
    if any(x.ndim or not numbers or (written and x is args[0]) for x in host):
        raise RuntimeError(f"Expected all tensors to be on the same device, but {func} met {DEVICE} and cpu")


def _has_to_wait(func, op, args, kwargs, was_there: bool, there: bool) -> bool:
    if op is ops.copy_:
        return isinstance(args[0], OnDevice) != isinstance(args[1], OnDevice) and not any(args[2:])
    if op is ops._to_copy:
        return was_there != there and not kwargs.get("non_blocking", False)
    if not was_there:
        return False
    if op in INDEXING:
        indices = [i for i in args[1] if i is not None]
        masks = any(i.dtype in (torch.bool, torch.uint8) for i in indices)
        fills = op is not ops.index and args[2].numel() == 1  # becomes a `masked_fill`
        return (masks and not fills) or not all(isinstance(i, OnDevice) for i in indices)
    return op in WAITS or bool(TAGS & set(func.tags)) or kwargs.get("check_errors", False)
