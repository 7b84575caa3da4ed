"""Weights alone, to hand on: an eighth of a training state, and enough to draw samples.

Stored in 16 bits: the rounding, 5e-4 of each weight, is far below what one more training step changes.
"""

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from diffkit.errors import DataError
from diffkit.train.checkpoint import write

FORMAT = "diffkit weights 1"


def save_weights(net: nn.Module, path: Path | str) -> None:
    """Write the weights of a network, such as `state.ema`.  Raises DataError if one is not finite in 16 bits."""
    tensors = {name: value.detach().cpu().clone() for name, value in net.state_dict().items()}
    tensors = {name: v.half() if v.is_floating_point() else v for name, v in tensors.items()}
    bad = [name for name, v in tensors.items() if v.is_floating_point() and not bool(torch.isfinite(v).all())]
    if bad:
        raise DataError(f"{bad[0]} is not finite in 16 bits: this network has diverged and is not saved")
    write(Path(path), tensors, {"format": FORMAT})


def load_weights(net: nn.Module, path: Path | str) -> None:
    """Put weights written by `save_weights` into a network of the same shape, in its own dtype and place.

    Nothing is changed unless all fits.  Raises DataError for a missing, cut or foreign file, or another network's.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"there are no weights {path.name}: restore data/ from the course, or train them anew")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dict
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path.name} is cut or damaged ({error}): restore it, or train anew") from error
    if metadata.get("format") != FORMAT:
        raise DataError(f"{path.name} holds no weights: name the file that `save_weights` wrote")
    wanted = {name: tuple(v.shape) for name, v in net.state_dict().items()}
    found = {name: tuple(v.shape) for name, v in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise DataError(
                f"{path.name}: {name} is {found.get(name, 'missing')}, this network has "
                f"{wanted.get(name, 'no such weight')}: make the network as it was when it was saved"
            )
    net.load_state_dict(tensors)
