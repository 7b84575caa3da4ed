"""Checkpoints: the whole state in one safetensors file, which holds numbers and text and can run nothing.

A run that is loaded goes on as if it had never stopped, bit for bit: weights, average, optimizer and random numbers
are all there.  A file is written beside its goal and then renamed, so a crash leaves the old one or the new one,
never half of one.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch import distributed as dist

from diffkit.errors import DataError
from diffkit.train.distributed import gather, world
from diffkit.train.state import State

FORMAT = "diffkit training state 1"


def save(state: State, path: Path | str) -> None:
    """Write the state.  Among several processes all must call it; the first one writes.

    Raises DataError when the folder is missing or full, or weights are not finite (then the old file stays).
    """
    path = Path(path)
    generators = gather(state.generator.get_state(), state.device)
    rank, _ = world()
    if rank == 0:
        tensors, groups = _tensors(state)
        tensors |= {f"generator.{i}": g for i, g in enumerate(generators)}
        bad = [name for name, v in tensors.items() if v.is_floating_point() and not bool(torch.isfinite(v).all())]
        if bad:
            raise DataError(f"{bad[0]} is not finite: this run has diverged and is not saved; go back to the last file")
        ema = {"ema_decay": state.ema_decay, "ema_every": state.ema_every}
        about = {"step": state.step, **ema, "groups": groups, "device": state.device.type}
        write(path, tensors, {"format": FORMAT, "about": json.dumps(about, default=float)})
    if dist.is_initialized():
        dist.barrier()


def load(state: State, path: Path | str) -> None:
    """Put a saved state into one made by `start` for the same network, optimizer kind and number of processes.

    Nothing is changed unless all fits.  Raises DataError for a missing, cut or foreign file, and for one of another
    network, optimizer, device kind or number of processes.
    """
    path = Path(path)
    tensors, about = _read(path)
    rank, size = world()
    wanted, groups = _tensors(state, with_optimizer=False)
    for name, value in wanted.items():
        if name not in tensors or tensors[name].shape != value.shape or tensors[name].dtype != value.dtype:
            found = f"{tuple(tensors[name].shape)} {tensors[name].dtype}" if name in tensors else "missing"
            raise DataError(f"{path.name}: {name} is {found}, this network has {tuple(value.shape)} {value.dtype}")
    _check_rest(path, tensors, about, state, groups, size, wanted)
    state.ema.load_state_dict(_part(tensors, "ema."))
    state.net.load_state_dict(_part(tensors, "net."))  # second: the buffers, which both share, are the network's
    state.optimizer.load_state_dict(_optimizer_state(tensors, about["groups"], state))
    state.generator.set_state(tensors[f"generator.{rank}"])
    state.step, state.ema_decay, state.ema_every = about["step"], about["ema_decay"], about["ema_every"]


def _tensors(state: State, with_optimizer: bool = True) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    """Every tensor of the state, copied to the CPU, by name; and the optimizer's settings, group by group."""
    out = {f"net.{k}": v for k, v in state.net.state_dict().items()}
    out |= {f"ema.{k}": v for k, v in state.ema.state_dict().items()}
    packed = state.optimizer.state_dict()
    for i, entries in packed["state"].items() if with_optimizer else ():
        for key, value in entries.items():
            if not isinstance(value, Tensor):
                raise DataError(f"the optimizer keeps {key!r}, a {type(value).__name__}: only tensors can be saved")
            out[f"optimizer.{i}.{key}"] = value
    # A copy of each: tied weights share memory, which the format does not allow.
    return {k: v.detach().cpu().clone(memory_format=torch.contiguous_format) for k, v in out.items()}, packed[
        "param_groups"
    ]


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """One safetensors file, whole or not at all.  Raises DataError when it cannot be written."""
    part = path.with_name(f".{path.name}.part{os.getpid()}")
    try:
        save_file(tensors, part, metadata)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot write {path}: {error}; is the folder there, and is the disk full?") from error
    finally:
        part.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise DataError(f"there is no checkpoint {path}: start anew, or name the file that `save` wrote")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is cut or damaged ({error}): use an older checkpoint, or start anew") from error
    if metadata.get("format") != FORMAT:
        raise DataError(f"{path} is a safetensors file, but not a training state: name the file that `save` wrote")
    return tensors, json.loads(metadata["about"])


def _check_rest(
    path: Path,
    tensors: dict[str, Tensor],
    about: dict[str, Any],
    state: State,
    groups: list[dict[str, Any]],
    size: int,
    wanted: dict[str, Tensor],
) -> None:
    extra = [k for k in tensors if k.startswith(("net.", "ema.")) and k not in wanted]
    if extra:
        raise DataError(f"{path.name} holds {extra[0]}, which this network lacks: make the network as it was then")
    saved = sum(k.startswith("generator.") for k in tensors)
    if saved != size:
        raise DataError(f"{path.name} was written by {saved} processes, here are {size}: start as many")
    if about["device"] != state.device.type:
        raise DataError(f"{path.name} was written on {about['device']}: its random numbers go on only there")
    if [(set(g), len(g["params"])) for g in groups] != [(set(g), len(g["params"])) for g in about["groups"]]:
        raise DataError(f"{path.name} was written with another optimizer: pass the same to `start`")


def _optimizer_state(tensors: dict[str, Tensor], groups: list[dict[str, Any]], state: State) -> dict[str, Any]:
    entries: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer.").items():
        i, key = name.split(".", 1)
        entries.setdefault(int(i), {})[key] = value
    here = state.optimizer.state_dict()["param_groups"]  # tuples became lists on the way through JSON
    groups = [
        {k: tuple(v) if isinstance(g[k], tuple) else v for k, v in s.items()} for s, g in zip(groups, here, strict=True)
    ]
    return {"state": entries, "param_groups": groups}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
