"""The files of the grader that the inside needs, copied to a neutral place.

Inside, the package is called `cage`: a student's `import grader` must not find the grader, and the course may
put a stand-in of that name there.
"""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
MAIN = "cage.sandbox.inside.main"
FONTS, FALLBACK = "fonts", "DejaVu Sans"


def stage_code(folder: Path) -> None:
    """Write the package `cage` into `folder`: the wire, the limits and what runs inside; and a list of fonts."""
    package = folder / "cage"
    (package / "sandbox").mkdir(parents=True)
    for empty in (package, package / "sandbox"):
        (empty / "__init__.py").touch()
    shutil.copy(HERE / "limits.py", package / "sandbox")
    for source, target in ((HERE.parent / "wire", "wire"), (HERE / "inside", "sandbox/inside")):
        shutil.copytree(source, package / target, ignore=shutil.ignore_patterns("__pycache__"))
    _stage_fonts(folder / FONTS)
    make_readable(folder)


def _stage_fonts(folder: Path) -> None:
    """Matplotlib's list of fonts, if it keeps one here: else each start would look into every font.

    Of the fonts only those of the system and of Matplotlib itself: where a user keeps others is nobody's business.
    Without the font that Matplotlib falls back on, a list is as bad as a damaged one, and none is better.
    """
    folder.mkdir()
    for path in _font_lists():
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            found = json.loads(path.read_text(encoding="utf-8"))
            fonts = {kind: [f for f in found[kind] if _is_public(Path(f["fname"]))] for kind in ("ttflist", "afmlist")}
            if any(f["name"] == FALLBACK for f in fonts["ttflist"]):
                (folder / path.name).write_text(json.dumps(found | fonts), encoding="utf-8")


def _font_lists() -> list[Path]:
    """Where Matplotlib would look.  Asking Matplotlib would take as long as what is to be saved."""
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "matplotlib"
    except RuntimeError:  # in a container, a user may have no home
        return []
    return list(Path(os.environ.get("MPLCONFIGDIR") or cache).glob("fontlist-*.json"))


def _is_public(font: Path) -> bool:
    return not font.is_absolute() or font.is_relative_to("/usr")


def make_readable(folder: Path) -> None:
    """The user inside is another one, so a strict umask must not count here."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def environment(home: str, python_path: list[str], extra: Mapping[str, str]) -> dict[str, str]:
    """All that the inside gets as environment.  One thread: threads do not survive a fork."""
    return {
        "PATH": f"{Path(sys.prefix, 'bin')}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "IPYTHONDIR": f"{home}/.ipython",
        "MPLCONFIGDIR": f"{home}/matplotlib",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "PYTHONPATH": ":".join(python_path),
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",  # else every thread reserves 64 MiB of the memory limit
        "CUDA_VISIBLE_DEVICES": "",
        **extra,
    }
