"""The outer wall: one bubblewrap around a zygote."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import IO

from .errors import ADVICE, SandboxUnavailable
from .limits import Limits

NOBODY = "65534"
DEVICES = ("null", "zero", "full", "random", "urandom")
NAMESPACES = [f"--unshare-{kind}" for kind in ("user", "net", "pid", "ipc", "uts", "cgroup-try")]


def find_bubblewrap() -> str:
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxUnavailable(f"bubblewrap (the command bwrap) is not installed.  {ADVICE}")
    return found


def version(bwrap: str) -> tuple[int, ...]:
    said = subprocess.run([bwrap, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said)[:2])


def options(bwrap: str, binds: list[str], environment: dict[str, str], limits: Limits, nested: bool) -> list[str]:
    """All options but those about users.  nested: the children build their own /tmp and cover /proc."""
    words = [*NAMESPACES, "--hostname", "sandbox", "--die-with-parent", "--new-session"]
    words += ["--cap-drop", "ALL", "--clearenv"]
    words += [word for name, value in environment.items() for word in ("--setenv", name, value)]
    if nested:
        words += ["--proc", "/proc", *_tmp("/tmp"), "--tmpfs", "/dev", "--dir", "/dev/shm"]
    elif version(bwrap) < (0, 8):
        raise SandboxUnavailable(f"without nested user namespaces, bubblewrap 0.8 or later is needed.  {ADVICE}")
    else:
        words += ["--dir", "/proc", *_tmp("/tmp", limits.tmp_bytes), "--tmpfs", "/dev"]
        words += _tmp("/dev/shm", limits.tmp_bytes)
    words += [word for name in DEVICES for word in ("--dev-bind", f"/dev/{name}", f"/dev/{name}")]
    words += [*binds, "--dir", "/sandbox/scratch", "--dir", "/sandbox/root"]
    return [*words, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]


def _tmp(place: str, size: int | None = None) -> list[str]:
    rights = ["--perms", "1777"] if os.geteuid() == 0 else []  # else the user inside owns it
    return [*rights, *(["--size", str(size)] if size is not None else []), "--tmpfs", place]


def start(words: list[str], descriptors: list[int], nested: bool, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start bubblewrap.  It tells on `complaints` why it cannot; then its socket ends without a word."""
    if os.geteuid() == 0:
        return _start_as_root(words, descriptors, nested, complaints)
    users = ["--uid", NOBODY, "--gid", NOBODY, *([] if nested else ["--disable-userns"])]
    return _popen([words[0], *users, *words[1:]], descriptors, complaints)


def _start_as_root(
    words: list[str], descriptors: list[int], nested: bool, complaints: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Root must not be the one user inside: Linux exempts its processes from the limit on their number.

    So the user namespace gets two users, 0 for bubblewrap and nobody, to whom the zygote changes at once.
    """
    block_read, block_write = os.pipe()
    info_read, info_write = os.pipe()
    users = ["--userns-block-fd", str(block_read), "--info-fd", str(info_write)]
    keep = ["SETUID", "SETGID"] if nested else ["SETUID", "SETGID", "SYS_ADMIN", "SYS_CHROOT"]
    users += [word for name in keep for word in ("--cap-add", f"CAP_{name}")]
    end = words.index("--")
    command = [*words[:end], *users, *words[end:]]
    with open(info_read, "rb") as info, open(block_write, "wb") as block:  # noqa: PTH123  descriptors
        process = _popen(command, [*descriptors, block_read, info_write], complaints)
        os.close(block_read)
        os.close(info_write)
        said = info.read()
        if not said:  # it has complained and ended
            return process
        try:
            pid = int(json.loads(said)["child-pid"])
            for name in ("uid_map", "gid_map"):
                Path(f"/proc/{pid}/{name}").write_text(f"0 0 1\n{NOBODY} {NOBODY} 1\n")
            block.write(b"1")
        except OSError as error:
            complaints.write(f"the users of the sandbox cannot be mapped: {error}\n".encode())
            process.kill()
    return process


def _popen(command: list[str], descriptors: list[int], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command, pass_fds=descriptors, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaints
    )
