"""The sandbox as the grader sees it."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from .cgroups import Group, Groups
from .errors import SandboxError
from .launch import Walls, World
from .limits import Limits
from .mounts import check_mounts, python_paths
from .stage import stage_code
from .submission import Kernel
from .zygote import Child, Zygote

Mode = Literal["bwrap", "none"]


class Sandbox:
    """Runs students' code behind walls.  Start it in a thread that lives as long: they end with that thread.

    mounts: inner path to host path, read-only; python_path: inner folders for `sys.path`; modules: imported
    once, before the forks; hide: installed packages that must not be seen; environment: more variables for
    the inside.  mode "none" has no walls at all.  nested: True or False instead of finding out whether each
    submission can have namespaces of its own inside one bubblewrap.  After the start, `protection` says in
    words what there is, and `groups` what is limited for all processes of a submission together.

    Raises SandboxUnavailable if this machine cannot build the walls, SandboxError if a module does not load.
    """

    def __init__(
        self,
        mounts: Mapping[str, str | os.PathLike[str]] | None = None,
        modules: Iterable[str] = (),
        limits: Limits | None = None,
        mode: Mode = "bwrap",
        *,
        python_path: Iterable[str] = (),
        hide: Iterable[str] = ("grader", "diffkit"),
        environment: Mapping[str, str] | None = None,
        nested: bool | None = None,
    ) -> None:
        if mode not in ("bwrap", "none"):
            raise ValueError(f"mode must be 'bwrap' or 'none', not {mode!r}")
        self.limits, self.mode, self.nested = limits or Limits(), mode, nested
        self.protection, self.groups = "not started", ""
        self._groups = Groups([])
        self._modules = list(modules)
        self._mounts = check_mounts(mounts or {}, everybody=mode == "bwrap" and os.geteuid() == 0)
        self._view = (list(python_path), tuple(hide), dict(environment or {}))
        self._closing = contextlib.ExitStack()
        self._shared: Zygote | None = None

    def __enter__(self) -> "Sandbox":
        with contextlib.ExitStack() as undo:
            self._folder = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-")))
            self._folder.chmod(0o755)
            stage_code(self._folder / "code")
            self._world = World(self._folder, self._mounts, *self._view)
            if self.mode != "none":
                self._groups = Groups.find()
                self.groups = self._groups.words
            self._shared = self._find_walls()
            if self._shared is not None:
                undo.callback(self._shared.close)
            self._closing = undo.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._shared = None
        self._closing.close()

    def kernel(self, files: Mapping[str, bytes] | None = None, limits: Limits | None = None) -> Kernel:
        """One submission: a fresh kernel with `files` (relative path: content) in its working folder.

        limits: other ones than the sandbox's.  Raises ValueError for files that cannot be given.
        """
        return Kernel(self._spawn, dict(files or {}), limits or self.limits)

    def _find_walls(self) -> Zygote | None:
        """A zygote that can wall its children in, found out by making one; None: each needs its own."""
        if self.mode == "none":
            self.protection = "none: students' code runs with all your rights"
            return self._zygote("none", self.limits)
        if self.nested is not False:
            zygote = self._zygote("nested", self.limits)
            try:
                zygote.spawn("/tmp", self.limits, self._group(self.limits)).close()
            except SandboxError:
                zygote.close()
                if self.nested:
                    raise
            else:
                self.protection = "one bubblewrap, and namespaces of its own for each submission"
                return zygote
        if self.nested is None:
            self._zygote("single", self.limits).close()
        self.protection = "one bubblewrap for each submission: user namespaces cannot be nested here (slow)"
        return None

    def _group(self, limits: Limits) -> Group:
        try:
            return self._groups.make(limits)
        except OSError as error:
            raise SandboxError(f"the control group of a submission cannot be made: {error}") from error

    def _spawn(self, limits: Limits) -> Child:
        if self.mode == "none" and self._shared is not None:
            return self._shared.spawn(tempfile.mkdtemp(dir=self._folder), limits, self._group(limits))
        if self._shared is not None:
            return self._shared.spawn("/tmp", limits, self._group(limits))
        own = self._zygote("single", limits)
        try:
            child = own.spawn("/tmp", limits, self._group(limits))
        except BaseException:
            own.close()
            raise
        child.own_zygote = own
        return child

    def _zygote(self, walls: Walls, limits: Limits) -> Zygote:
        keep = [path for path in python_paths() if path.startswith("/tmp/")]
        settings = {"walls": walls, "modules": self._modules, "code": self._world.code(walls), "keep": keep}
        return Zygote(self._world.launch(walls, limits), settings)
