"""Text out, whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path

from ltr.errors import ResultError


def safe_name(name: str) -> str:
    """`name` as a part of a file name: letters, digits, `-`, `_` and `.` alone, not hidden, not
    endless."""
    plain = re.sub(r"[^\w.-]+", "_", name).encode()[:100]  # file systems count bytes
    return plain.decode(errors="ignore").lstrip(".") or "_"


def make_folder(folder: Path) -> None:
    """Make a folder for results. Raises ResultError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultError(f"cannot make folder {folder}: {error.strerror or error}") from None


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name, then rename it. Raises ResultError."""
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise ResultError(f"cannot write {path}: {error.strerror or error}") from None
