"""What the sandbox shows of the machine: Python, the system's libraries, what the caller gives."""

import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from .errors import SandboxUnavailable

SYSTEM = (
    "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/local/bin", "/usr/local/lib",
    "/usr/share/fonts", "/usr/share/zoneinfo", "/usr/local/share/fonts",
    "/bin", "/lib", "/lib32", "/lib64",
    "/etc/ld.so.cache", "/etc/alternatives", "/etc/fonts", "/etc/localtime",
    "/sys/devices/system/cpu",
)  # fmt: skip
RESERVED = ("/tmp", "/proc", "/dev", "/sandbox")


def python_paths() -> list[str]:
    """The parts of the running Python: not whole prefixes, which may hold configuration and exchanges."""
    real = Path(sys.executable).resolve().parent.parent
    prefixes = dict.fromkeys([sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, str(real)])
    parts = [
        Path(prefix, part)
        for prefix in prefixes
        if prefix not in ("/", "/usr", "/usr/local")
        for part in ("bin", "lib", "lib64", "pyvenv.cfg")
    ]
    return [str(part) for part in parts if part.exists()]


def folder_options(places: Iterable[str]) -> list[str]:
    """The folders above some places.  bubblewrap would make them too, but for its own user alone."""
    above = dict.fromkeys(str(parent) for place in places for parent in reversed(PurePosixPath(place).parents))
    return [word for folder in above if folder != "/" for word in ("--perms", "0755", "--dir", folder)]


def system_options() -> list[str]:
    """Read-only binds; a link of the system stays a link."""
    options = folder_options([*SYSTEM, *python_paths()])
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink() and path.parent == Path("/"):
            options += ["--symlink", str(path.readlink()), name]
        elif path.exists():
            options += ["--ro-bind", name, name]
    for name in python_paths():
        options += ["--ro-bind", name, name]
    return options


def hidden_options(packages: tuple[str, ...]) -> list[str]:
    """Cover installed packages that hold answers: the caller mounts what students may see of them."""
    folders = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    paths = [Path(folder, name) for folder in folders for name in packages]
    return [word for path in paths if path.is_dir() for word in ("--tmpfs", str(path), "--remount-ro", str(path))]


def check_mounts(mounts: Mapping[str, str | os.PathLike[str]], everybody: bool) -> dict[str, Path]:
    """The caller's mounts, inner path to host path.  ValueError: a taken place or a missing source.

    everybody: the user inside owns no file, so what is mounted must be readable by everybody.
    """
    checked = {}
    for inner, outer in mounts.items():
        source = Path(outer).resolve()
        place = PurePosixPath(inner)
        if not place.is_absolute() or ".." in place.parts or any(place.is_relative_to(r) for r in RESERVED):
            raise ValueError(f"cannot mount at {inner!r}: give an absolute path outside of {', '.join(RESERVED)}")
        if not source.exists():
            raise ValueError(f"cannot mount {source}: there is no such file or folder")
        if everybody:
            _check_readable(source)
        checked[str(place)] = source
    return checked


def _check_readable(source: Path) -> None:
    for path in (source, *source.rglob("*")) if source.is_dir() else (source,):
        needed = stat.S_IROTH | stat.S_IXOTH if path.is_dir() else stat.S_IROTH
        if not path.is_symlink() and path.stat().st_mode & needed != needed:
            raise SandboxUnavailable(
                f"{path} is not readable by everybody, and the sandbox, started by root, runs as nobody.  "
                f"Do: chmod -R o+rX {source}"
            )
