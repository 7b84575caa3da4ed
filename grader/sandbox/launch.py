"""How a zygote is started: behind bubblewrap, or as a plain process."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from . import bubblewrap
from .limits import Limits
from .mounts import folder_options, hidden_options, system_options
from .stage import environment

CODE = "/sandbox/code"
Walls = Literal["nested", "single", "none"]
# Given the words to run inside and the descriptors they need: start them.
Launch = Callable[[list[str], list[int], IO[bytes]], subprocess.Popen[bytes]]


@dataclass(frozen=True)
class World:
    """What the inside sees.  folder: a temporary one of ours, with the staged code in it."""

    folder: Path
    mounts: Mapping[str, Path]
    python_path: list[str]
    hide: tuple[str, ...]
    environment: Mapping[str, str]

    def code(self, walls: Walls) -> str:
        return str(self.folder / "code") if walls == "none" else CODE

    def launch(self, walls: Walls, limits: Limits) -> Launch:
        if walls == "none":
            return self._plain()
        return self._behind_bubblewrap(limits, nested=walls == "nested")

    def _behind_bubblewrap(self, limits: Limits, nested: bool) -> Launch:
        bwrap = bubblewrap.find_bubblewrap()
        binds = [*system_options(), *hidden_options(self.hide), *folder_options([CODE, *self.mounts])]
        binds += ["--ro-bind", str(self.folder / "code"), CODE]
        for inner, outer in self.mounts.items():
            binds += ["--ro-bind", str(outer), inner]
        variables = environment("/tmp/home", [CODE, *self.python_path], self.environment)
        options = bubblewrap.options(bwrap, binds, variables, limits, nested)

        def launch(words: list[str], descriptors: list[int], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
            return bubblewrap.start([bwrap, *options, "--", *words], descriptors, nested, complaints)

        return launch

    def _plain(self) -> Launch:
        """No walls.  Mounts become copies with the same places relative to each other."""
        copies = self.folder / "mounts"
        for inner, outer in self.mounts.items():
            target = copies / inner.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if outer.is_dir() else shutil.copy
            copy(outer, target)
        path = [self.code("none"), *(str(copies / inner.lstrip("/")) for inner in self.python_path)]
        variables = environment(str(self.folder), path, self.environment)

        def launch(words: list[str], descriptors: list[int], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                words,
                env=variables,
                pass_fds=descriptors,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
            )

        return launch
