"""What the machine offers: graphics card, threads, browser, sandbox; and whether the course's files are whole."""

import hashlib
import os
import shutil
import sys
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from grader.desk.finding import Line
from grader.learner.kept import ProgressError, read
from grader.learner.place import progress_file

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def torch_and_threads() -> Iterator[Line]:
    """Where torch computes, and with how many threads."""
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Line("bad", f"torch cannot be loaded: {error}", "docs/install.md, A small torch")
        return
    if torch.cuda.is_available():
        yield Line("good", f"GPU: {torch.cuda.get_device_name()}")
    elif torch.backends.mps.is_available():
        yield Line("good", "GPU of this Mac (mps)")
    elif shutil.which("nvidia-smi"):
        yield Line("weak", "an NVIDIA card that torch does not use", "install torch for CUDA: pytorch.org/get-started")
    else:
        yield Line("extra", "GPU: the lessons do not need one, all run on the processor")
    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    said = f"torch computes with {threads} of {cores} threads"
    if threads > 1:
        yield Line("weak", said, "OMP_NUM_THREADS=1 is faster at the sizes of this course (make start sets it)")
    else:
        yield Line("good", said)


def browsers() -> Iterator[Line]:
    """A browser to work in, and the one that the tests drive."""
    try:
        webbrowser.get()
        yield Line("good", "a browser for JupyterLab")
    except webbrowser.Error:
        yield Line("extra", "a browser on this machine", "JupyterLab prints an address: open it on another machine")
    found = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if found:
        yield Line("good", f"Chromium, for the tests of explorers: {found}")
    else:
        yield Line("extra", "Chromium: only the tests of explorers need it", "sudo apt install chromium")


def course_files(root: Path) -> Iterator[Line]:
    """Notebooks that are built, data that is whole, progress that can be read."""
    sources = sorted(path.stem for path in (root / "solutions").glob("*.py"))
    lost = [name for name in sources if not (root / "notebooks" / name / f"{name[3:]}.ipynb").is_file()]
    if lost:
        yield Line("bad", f"notebooks of {', '.join(lost)}", "python -m grader.build --missing, in the course folder")
    elif sources:
        yield Line("good", f"{len(sources)} lessons")
    yield from _data(root / "data")
    yield _progress()


def _data(folder: Path) -> Iterator[Line]:
    try:
        sums = [line.split() for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    except OSError:
        yield Line("bad", f"the data of the course, {folder}", "get the course again; data/ belongs to it")
        return
    for value, name in sums:
        file = folder / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != value:
            yield Line("bad", f"data/{name} is lost or damaged", f"git checkout data/{name}, or get the course again")
            return
    yield Line("good", f"data: {len(sums)} files, as they should be")


def _progress() -> Line:
    file = progress_file()
    try:
        entries = read(file)
    except (ProgressError, OSError) as error:
        return Line(
            "weak", f"your progress cannot be read: {error}", "progress() in a notebook sets a damaged file aside"
        )
    return Line("good", f"progress: {_exercises(sum(e.passed for e in entries.values()))} passed, kept in {file}")


def _exercises(count: int) -> str:
    return f"{count} exercise{'s' * (count != 1)}"


def sandbox(root: Path) -> Iterator[Line]:
    """Whether this machine could grade other people's work: in short; `grader doctor` tells all."""
    if sys.platform != "linux" or shutil.which("bwrap") is None:
        yield Line("extra", "sandbox: only grading needs it", "on Linux: sudo apt install bubblewrap")
        return
    from grader.doctor import examine  # loads the sandbox, which a student may not have

    states = [finding.state for finding in examine(root)]
    bad, weak = states.count("bad"), states.count("weak")
    if bad or weak:
        said = f"sandbox, for grading: {bad} walls missing, {weak} weak"
        yield Line("extra" if bad else "weak", said, "grader doctor tells which, and what to do")
    else:
        yield Line("good", f"sandbox, for grading: all {len(states)} walls stand")
