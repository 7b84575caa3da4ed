"""The files that a submission brings beside its notebook."""

from pathlib import PurePosixPath

from .limits import MIB, Limits

MOST_BYTES = 32 * MIB  # all of them cross the wire in one frame


def check_files(files: dict[str, bytes], limits: Limits) -> None:
    """Names come from a student's folder.  ValueError for what cannot be a file below the working folder."""
    for name, content in files.items():
        path = PurePosixPath(name)
        if not name.isprintable() or path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(f"not a plain relative file name: {name!r}")
        if len(name.encode()) > 400 or len(path.parts) > 10 or not isinstance(content, bytes):
            raise ValueError(f"the file {name[:40]!r} cannot be given: its name is too long, or it is no bytes")
    most_files = limits.tmp_files // 2
    most_bytes = min(limits.tmp_bytes // 2, limits.file_bytes, MOST_BYTES)
    if len(files) > most_files or sum(map(len, files.values())) > most_bytes:
        raise ValueError(f"more than {most_files} files or {most_bytes} bytes beside the notebook")
