"""Finished recordings and snapshots: what lies in their folder, by name, and nothing else that may
be there."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from ltr.files import is_temporary

OURS = re.compile(
    r"[^/]+_\d{6,}(_\d+)?\.png|\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d(_\d+)?/"
    r"(video(_[^/]*)?\.(mp4|avi)|boxes(_[^/]*)?\.csv)"
)
"""The paths that `live.pictures.new_picture` and `live.recording` make up."""


class File(NamedTuple):
    """A file that may be downloaded."""

    path: Path
    size: int
    """Bytes."""
    modified: float


def finished_files(folder: Path, unfinished: Collection[Path] = ()) -> dict[str, File]:
    """Recordings and snapshots in `folder`, by their path in it, the newest first; without what is
    being written: temporary files, and folders that are `unfinished`. Links are left out: nothing
    outside the folder is given away. So are names that no address can say. Somebody may remove
    files meanwhile."""
    found = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if Path(place, name) not in unfinished]
        for name in names:
            path = Path(place, name)
            try:
                facts = path.lstat()
            except OSError:
                continue
            told = path.relative_to(folder).as_posix()
            ours = OURS.fullmatch(told) and not is_temporary(name)
            if stat.S_ISREG(facts.st_mode) and ours and told.isprintable():
                found[told] = File(path, facts.st_size, facts.st_mtime)
    return dict(sorted(found.items(), key=lambda item: (-item[1].modified, item[0])))
