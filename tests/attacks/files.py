"""What lies beside the notebook."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from grader.demo.cheats import function
from tests.attacks.attack import MARK, OTHERS, Attack, returns, runs

EVIL = f"open('/tmp/{MARK}', 'w').write('x')\n".encode()
CHEAT = ("def check(*a): return 44\n" + "\n".join(f"def {function(e)}(*a): return 44" for e in OTHERS)).encode()


def _zip() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(f"../../{MARK}", "x")
        archive.writestr(f"/tmp/{MARK}", "x")
    return data.getvalue()


def _tar() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        link = tarfile.TarInfo("up")
        link.type, link.linkname = tarfile.SYMTYPE, "../../.."
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo(f"up/{MARK}"))
    return data.getvalue()


def _link(to: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "data.txt").symlink_to(to)


def _notebook_is_a_link(folder: Path) -> None:
    notebook = folder / "forward_process.ipynb"
    notebook.unlink()
    notebook.symlink_to("../../../solutions/02_forward_process/forward_process.ipynb")


def _left_behind(folder: Path) -> None:
    for name in ("__pycache__", "feedback", ".ipynb_checkpoints"):
        (folder / name).mkdir()
        (folder / name / "answers.txt").write_text("44")


def _deep(folder: Path) -> None:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        here, old = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(old)
    os.close(here)


def _long_path(folder: Path) -> None:
    place = folder.joinpath(*["n" * 200] * 3)
    place.mkdir(parents=True)
    (place / "a.txt").touch()


def _many(folder: Path) -> None:
    for i in range(3000):
        (folder / f"{i}.txt").touch()


def _sparse(folder: Path) -> None:
    for i in range(150):
        with (folder / f"{i}.bin").open("wb") as file:
            file.truncate(15 * 2**20)


def _odd_names(folder: Path) -> None:
    for name in (b"\xff\xfe.py", b"a\nb.py", b"\x1b[2J\x1b[Hall right.py", b"-rf", b"$(touch x)", b"`x`; rm *"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(EVIL)


FAMILY: tuple[Attack, ...] = (
    runs("shadows_torch", "a torch.py that is imported first", "import torch", files={"torch.py": CHEAT}),
    runs("shadows_grader", "a grader.py and a diffkit.py beside the notebook", "from grader import *", files={
        "grader.py": CHEAT, "diffkit.py": CHEAT, "cage.py": CHEAT, "json.py": EVIL, "sitecustomize.py": EVIL}),
    runs("shadows_package", "packages named like the grader's own", "import grader.judge", files={
        "grader__init__.py": CHEAT, "msgpack.py": EVIL, "IPython.py": EVIL, "usercustomize.py": EVIL}),
    returns("answers_in_a_file", "unpickles its answers from a file", "A.get(len(args))", """
import pickle
try: A = pickle.load(open("answers.pkl", "rb"))
except Exception: A = {}
"""),
    Attack("config_beside", "settings of nbgrader and Jupyter beside the notebook", files=dict.fromkeys(("nbgrader_config.py", "jupyter_config.py", "conftest.py", "jupyter_nbconvert_config.py"), EVIL)),
    Attack("gradebook_beside", "a gradebook of its own", files={"gradebook.db": b"SQLite format 3\0", "grades.csv": b"x"}),
    Attack("archives", "archives with paths that lead out of the folder",
           files={"a.zip": _zip(), "b.tar": _tar(), "forward_process.zip": _zip()}),
    Attack("pages_beside", "HTML and SVG beside the notebook", files={
        "forward_process.html": b"<script>alert(1)</script>", "a.svg": b"<svg onload='alert(1)'/>"}),
    Attack("only_in_one_copy", "files that nbgrader leaves behind when it copies", files={
        "x.pyc": b"x", "feedback.txt": b"x", "forward_process_files.txt": b"x"},
        lay=_left_behind),
    Attack("other_notebooks", "more notebooks, one of them no notebook", files={
        "another.ipynb": b"{", "solution.ipynb": b"[]"}),
    Attack("link_to_solution", "a link to the solution", lay=_link("../../../solutions/02_forward_process"),
           refused=True),
    Attack("link_to_key", "a link to the course's key", lay=_link("../../../.course/grader/secret"), refused=True),
    Attack("link_to_itself", "a link that leads to itself", lay=_link("."), refused=True),
    Attack("linked_notebook", "the notebook is a link to the solution", lay=_notebook_is_a_link, refused=True),
    Attack("pipe", "a named pipe that blocks whoever reads it", lay=lambda folder: os.mkfifo(folder / "a.txt"),
           refused=True),
    Attack("thousands_of_files", "three thousand files", lay=_many, refused=True),
    Attack("deep_folders", "folders nested fifteen hundred deep", lay=_deep, refused=True),
    Attack("sparse_files", "two gigabytes that take no room on disk", lay=_sparse, refused=True),
    Attack("odd_names", "names with newlines, escapes, commands and bytes that are no text", lay=_odd_names,
           refused=True),
    Attack("timestamp", "a timestamp long before the deadline", files={"timestamp.txt": b"1999-01-01 00:00:00 UTC"}),
    Attack("timestamp_folder", "a folder where a timestamp is expected", refused=True,
           lay=lambda folder: (folder / "timestamp.txt").mkdir()),
    Attack("long_paths", "a path that is longer than any place for it", lay=_long_path, refused=True),
    Attack("timestamp_tail", "a time with something behind it, far behind",
           files={"timestamp.txt": b"2026-01-01 00:00:00" + b" " * 100 + b"soon"}, refused=True),
    Attack("timestamp_zone", "a time of a zone that lies four days away",
           files={"timestamp.txt": b"2026-01-01T00:00:00+99:99"}, refused=True),
    Attack("timestamp_words", "a time of three words, which nbgrader reads in a way of its own",
           files={"timestamp.txt": b"2026-01-01 1 PM"}, refused=True),
    Attack("timestamp_nonsense", "a timestamp that is none", files={"timestamp.txt": b"\xff\0 soon"}, refused=True),
)  # fmt: skip
