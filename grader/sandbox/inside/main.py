"""Start of the zygote: import everything once, then serve.  Settings come as JSON in the first argument."""

import gc
import importlib
import json
import os
import shutil
import socket
import sys
import traceback
from pathlib import Path

import numpy as np
import torch

from ...wire import send
from .isolate import no_more_namespaces
from .linux import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, collapse_heap, prctl
from .shell import make_shell, warm_up
from .zygote import Zygote

NOBODY = 65534


def main() -> None:
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=settings["control"])
    try:
        if settings["walls"] != "none" and os.geteuid() == 0:
            if settings["walls"] == "single":
                no_more_namespaces()
            _become_nobody()
        # A change of user hides /proc/self, which children need to map users.  If there is but one child, it
        # has the zygote in sight, and must not look into it.
        prctl(PR_SET_DUMPABLE, int(settings["walls"] != "single"))
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        _own_fonts(Path(settings["code"], "fonts"))
        _load(settings["modules"])
        sys.path[:] = ["", *(entry for entry in sys.path if entry != settings["code"])]
        gc.freeze()  # whoever has started this has had the collector wait
        gc.enable()
        collapse_heap()
    except Exception:
        send(control, {"error": traceback.format_exc()[-4000:]})
        os._exit(1)
    send(control, {"ready": True})
    Zygote(control, settings["walls"], settings["keep"]).loop()


def _become_nobody() -> None:
    """Root outside is mapped twice: as 0, which bubblewrap needed, and as this one, which counts as a user.

    With the change all capabilities are gone.
    """
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def _own_fonts(lists: Path) -> None:
    """Matplotlib reads its list of fonts only from a folder that it can write to.  A matter of speed only."""
    shutil.copytree(lists, os.environ["MPLCONFIGDIR"], dirs_exist_ok=True)


def _load(modules: list[str]) -> None:
    """One thread: more would not survive the forks.  Fixed seeds: a regrade sees the same numbers."""
    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    shell = make_shell()
    for name in modules:
        importlib.import_module(name)
    warm_up(shell)
    np.random.seed(0)
    torch.manual_seed(0)
