"""A badge and a folded first cell that take a notebook to Google Colab.

A course with a public address, `Repository` in `[project.urls]` of pyproject.toml, is opened and cloned from there.  In
a course without one people upload: the notebook in Colab's own dialog, which the badge opens, and the rest of the
course to the first cell, as the zip file that `grader handout` writes.  No address stands in for a missing one, since
an address that is not yours would have your students run somebody else's code.
"""

import re
import tomllib
from pathlib import Path
from typing import Any

from grader.build.seal import seal
from grader.build.tags import LessonError

GITHUB = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")
COLAB = "https://colab.research.google.com"
BADGE = f"{COLAB}/assets/colab-badge.svg"
# Colab's start page with the dialog "Open notebook" at "Upload".  Google documents the dialog
# (https://research.google.com/colaboratory/faq.html: "Upload notebook"), but not this address of it, which others link
# to, e.g. https://github.com/Muhammad-Yunus/Jetson-Nano-Object-Detection-Learn in pertemuan_5/README.md.  If Colab ever
# overlooks what follows the "#", people still come to its start page, and the badge's text says what to do there.
UPLOAD = f"{COLAB}/#upload=true"
TAG = "colab"
CONTENT = "/content"  # where Colab keeps files
PLACE = f"{CONTENT}/course"
# What Colab does not have, or not for sure.  Never torch: it is there, with a GPU, and takes minutes to install.
WANTED = ("anywidget", "filelock", "msgpack", "safetensors")

CLONE = f"""\
    from google.colab import output

    !test -d {PLACE} || git clone --quiet --depth 1 ADDRESS {PLACE}"""
# Half a course is never left behind: the zip is unpacked beside its place and then renamed.  Whatever names are in it,
# Python's zipfile writes only below the given folder.  IPython shows a UsageError as one line, and stops there.
UNPACK = f"""\
    import io, tempfile, zipfile
    from pathlib import Path

    from google.colab import files, output
    from IPython.core.error import UsageError

    if not Path("{PLACE}").exists():  # Colab begins without it, and forgets it when you are away for long
        print("Choose the zip file of the course that you were given, diffkit.zip or so.")
        try:
            with tempfile.TemporaryDirectory(dir="{CONTENT}") as folder:
                for data in files.upload().values():
                    zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
                found = Path(folder).glob("*/notebooks")
                (course,) = [x.parent for x in found if (x.parent / "diffkit").is_dir()]
                course.rename("{PLACE}")
        except (ValueError, zipfile.BadZipFile):
            raise UsageError(
                "The course is not here yet. Run this cell again and choose one zip file, diffkit.zip or so: "
                "in it is a folder with the folders diffkit and notebooks."
            ) from None"""


def repository(root: Path) -> str:
    """The public address of a course, https://github.com/owner/name; empty if it has none.

    Raises LessonError for an address elsewhere: Colab opens notebooks from GitHub alone.
    """
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (FileNotFoundError, KeyError):
        return ""
    address = project.get("urls", {}).get("Repository", "")
    if address and not GITHUB.fullmatch(address):
        raise LessonError(f"pyproject.toml: Repository is {address}; Colab opens https://github.com/owner/name only")
    return address.removesuffix("/").removesuffix(".git")


def with_colab(notebook: Any, path: str, address: str) -> Any:
    """The notebook with a badge and a first cell.  path: of the student's notebook; address: empty if there is none."""
    import nbformat

    badge = nbformat.v4.new_markdown_cell(_badge(address, path), id="colab-badge")
    first = nbformat.v4.new_code_cell(_first_cell(address, path), id="colab-first")
    badge.metadata["tags"] = [TAG]
    # Not run while grading, and folded, in JupyterLab and in Colab: on the student's own machine it does nothing.
    folded = {"jupyter": {"source_hidden": True}, "cellView": "form"}
    first.metadata.update({"tags": ["explore", TAG], **folded})
    notebook.cells = [badge, first, *notebook.cells]
    return seal(notebook)


def _badge(address: str, path: str) -> str:
    if address:
        owner_and_name = address.removeprefix("https://github.com/")
        return f"[![Open in Colab]({BADGE})]({COLAB}/github/{owner_and_name}/blob/HEAD/{path})"
    return f"[![Open in Colab]({BADGE})]({UPLOAD}) To work in Google Colab, upload this file there: `{Path(path).name}`"


def _first_cell(address: str, path: str) -> str:
    fetch = CLONE.replace("ADDRESS", address) if address else UNPACK
    # A handout may lack the folder of a lesson that somebody uploads.
    folder = path.rpartition("/")[0] if address else "notebooks"
    return f"""# @title In Google Colab, first run this cell
import sys

if "google.colab" in sys.modules:  # on your own machine this cell does nothing
{fetch}
    if "{PLACE}" not in sys.path:
        %pip install --quiet {" ".join(WANTED)}
        %cd -q {PLACE}/{folder}
        sys.path.insert(0, "{PLACE}")
    output.enable_custom_widget_manager()"""
