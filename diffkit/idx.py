"""IDX files, the format of MNIST and Fashion-MNIST: from a folder, or downloaded with a checksum.

A file is: two zero bytes, the code of the number type, the count of dimensions, each dimension as a big-endian 32-bit
integer, then the numbers, big-endian, the last dimension fastest.  `.gz` files are read as they are.

Source: LeCun, Cortes & Burges, "The MNIST database of handwritten digits"; Xiao et al. 2017 (Fashion-MNIST).
"""

import gzip
import hashlib
import http.client
import math
import urllib.request
import zlib
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from diffkit.errors import DataError

Part = Literal["train", "test"]
Name = Literal["mnist", "fashion-mnist"]

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
STEMS = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
URLS = {
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "fashion-mnist": "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
}
# SHA-256 of the .gz files as their authors published them.
SHA256 = {
    "mnist": {
        "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    },
}


class Images(NamedTuple):
    """images: (N, 1, H, W) float32 in [-1, 1]; labels: (N,) int64."""

    images: Tensor
    labels: Tensor


def read_idx(path: Path | str, *, sha256: str | None = None) -> Tensor:
    """The array in one IDX file, plain or .gz, with the file's own shape and number type.

    sha256: if given, the checksum that the file on disk must have.
    Raises DataError for a file that is missing, cut, too long, damaged, or of another format.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}): check the folder, or use `idx.download`") from error
    if sha256 is not None and (found := hashlib.sha256(raw).hexdigest()) != sha256.lower():
        raise DataError(f"{path.name} has SHA-256 {found}, expected {sha256}: the file was changed, fetch it again")
    return _parse(_unpacked(raw, path.name), path.name)


def load(folder: Path | str, part: Part = "train", *, device: torch.device | str = "cpu") -> Images:
    """The images and labels of a folder that holds the four files by their usual names, plain or .gz.

    Pixels 0..255 are returned as pixel / 127.5 - 1, on the grid that `elbo.discretized_log_prob` knows.
    """
    if part not in get_args(Part):
        raise DataError(f"part = {part!r}: choose train or test")
    images, labels = (read_idx(_find(Path(folder), stem)) for stem in STEMS[part])
    if images.ndim != 3 or images.dtype != torch.uint8 or labels.ndim != 1 or labels.dtype != torch.uint8:
        raise DataError(f"{folder}: expected bytes (N, H, W) and (N,), found {tuple(images.shape)} {images.dtype} and "
                        f"{tuple(labels.shape)} {labels.dtype}; are images and labels swapped?")  # fmt: skip
    if len(images) != len(labels):
        raise DataError(f"{folder}: {len(images)} images, but {len(labels)} labels: the files are of different sets")
    return Images(images.to(device).unsqueeze(1).float() / 127.5 - 1, labels.to(device).long())


def download(name: Name, folder: Path | str, *, url: str | None = None, timeout: float = 30.0) -> Path:
    """Fetch the four files of a set into the folder, unless they are there already; returns the folder.

    Every file is checked against its SHA-256 before it gets its name, so a broken download is never used.
    url: another place with the same files.  Raises DataError offline, and says what to do.
    """
    if name not in get_args(Name):
        raise DataError(f"{name!r} is not known: choose {' or '.join(get_args(Name))}")
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {folder} ({error.strerror}): choose another") from error
    for stem, expected in SHA256[name].items():
        if not (folder / stem).exists() and not (folder / f"{stem}.gz").exists():
            fetch((url or URLS[name]).rstrip("/") + f"/{stem}.gz", folder / f"{stem}.gz", expected, timeout=timeout)
    return folder


def fetch(url: str, path: Path | str, sha256: str, *, timeout: float = 30.0) -> None:
    """Download one file, with a progress bar, and keep it only if its SHA-256 fits.  Raises DataError if it cannot."""
    path, found = Path(path), hashlib.sha256()
    part = path.with_name(f".{path.name}.part")
    advice = f"without a network, put {path.name} into {path.parent} by hand"
    try:
        with urllib.request.urlopen(url, timeout=timeout) as source, part.open("wb") as goal:
            length = source.headers.get("Content-Length")
            with tqdm(total=int(length) if length else None, unit="B", unit_scale=True, desc=path.name) as bar:
                while block := source.read(1 << 16):
                    found.update(block)
                    goal.write(block)
                    bar.update(len(block))
        if found.hexdigest() != sha256.lower():
            raise DataError(f"{url} has SHA-256 {found.hexdigest()}, expected {sha256}: try again, or another url")
        part.replace(path)
    except (OSError, ValueError, http.client.HTTPException) as error:  # a URLError is an OSError
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot download {url} ({error}): {advice}") from error
    finally:
        part.unlink(missing_ok=True)


def _find(folder: Path, stem: str) -> Path:
    """The file by its stem; some tools write `-idx3` as `.idx3`."""
    names = [n + end for n in (stem, stem.replace("-idx", ".idx")) for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} holds no {stem}, nor {stem}.gz: check the folder, or call idx.download('mnist', folder)")


def _unpacked(raw: bytes, name: str) -> bytes:
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name} is cut or damaged ({error}): fetch it again") from error


def _parse(raw: bytes, name: str) -> Tensor:
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in TYPES or raw[3] == 0:
        raise DataError(f"{name} is no IDX file: it begins with {raw[:4].hex(' ') or 'nothing'}, not 00 00, a type, "
                        "and a count of dimensions")  # fmt: skip
    dims, dtype = raw[3], np.dtype(TYPES[raw[2]])
    start = 4 + 4 * dims
    shape = tuple(int.from_bytes(raw[i : i + 4], "big") for i in range(4, start, 4))
    wanted = start + dtype.itemsize * math.prod(shape)
    if len(raw) < start or len(raw) != wanted:
        what = f"(shape {shape} needs {wanted} bytes)" if len(raw) >= start else "inside its header"
        raise DataError(f"{name} has {len(raw)} bytes and is {'cut' if len(raw) < wanted else 'too long'} {what}: "
                        "fetch it again")  # fmt: skip
    values = np.frombuffer(raw, dtype, offset=start).reshape(shape)
    return torch.from_numpy(values.astype(dtype.newbyteorder("=")))
