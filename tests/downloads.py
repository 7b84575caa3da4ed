"""Downloads of a platform, and what `grader collect` makes of them, for its tests."""

import zipfile
from pathlib import Path

from grader.cli import main
from tests.house_files import ROOT

LESSON, OTHER_LESSON = "02_forward_process", "05_ddpm"
NOTEBOOK = (ROOT / "notebooks" / LESSON / "forward_process.ipynb").read_bytes()
OTHER = (ROOT / "notebooks" / OTHER_LESSON / "ddpm.ipynb").read_bytes()
ADA = "Ada L_1_assignsubmission_file_"
GOOD = {f"{ADA}/forward_process.ipynb": NOTEBOOK}


def download(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2026, 3, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def collect(course: Path, *arguments: object) -> int:
    return main(["collect", "--root", str(course), *map(str, arguments)])


def there(course: Path) -> dict[str, bytes]:
    folder = course / "submitted"
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
