"""Arguments that are looked at before the work begins, so that no long run ends at a slip of the pen."""

import argparse
from pathlib import Path

from grader.errors import CourseError


def at_least_one(text: str) -> int:
    """The number, for argparse."""
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def file_to_write(path: Path) -> Path:
    """The path.  Raises CourseError if no file can have it."""
    if path.is_dir():
        raise CourseError(f"{path} is a folder: name a file in it")
    if not path.absolute().parent.is_dir():
        raise CourseError(f"there is no folder {path.parent} to write {path.name} to: make it first")
    return path


def folder_to_write(path: Path) -> Path:
    """The path, of a folder that is there or can be made.  Raises CourseError if a file has it."""
    if path.exists() and not path.is_dir():
        raise CourseError(f"{path} is a file: name a folder for one file each")
    return path
