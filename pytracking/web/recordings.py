"""Finished recordings and snapshots: what lies in their folder, by name."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ltr.files import is_temporary


def finished_files(folder: Path, unfinished: Collection[Path] = ()) -> dict[str, Path]:
    """The files in `folder` and its folders, by their path in it, the newest first; without what is
    being written: temporary files, and what lies in or is named by `unfinished`. Links are left
    out: nothing outside the folder is given away."""
    found = {}
    for path in folder.rglob("*") if folder.is_dir() else ():
        part_of = {path, *path.parents}
        if path.is_symlink() or not path.is_file() or is_temporary(path.name):
            continue
        if not part_of.intersection(unfinished):
            found[path.relative_to(folder).as_posix()] = path
    return dict(sorted(found.items(), key=lambda item: (-item[1].stat().st_mtime, item[0])))
