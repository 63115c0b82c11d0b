"""Which targets: their boxes in the first frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ltr.errors import BoxError
from ltr.geometry import parse_named_box
from ltr.paths import read_regular
from pytracking.api import checked_name
from pytracking.tracker.prediction import Box


def named_boxes(boxes: Sequence[str], file: Path | None) -> dict[str, Box]:
    """Targets from the command line, each "[NAME=]x,y,w,h", and from a file with such a line a
    target. A single one without a name is `target`, others are numbered. Raises BoxError."""
    lines = [(text, "") for text in boxes]
    if file is not None:
        try:
            text = read_regular(file).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BoxError(
                f"cannot read boxes {file}: {getattr(error, 'strerror', None) or error}"
            ) from None
        rows = ((number, row.strip()) for number, row in enumerate(text.splitlines(), 1))
        lines += [
            (row, f" ({file}, line {number})")
            for number, row in rows
            if row and not row.startswith("#")
        ]
    if not lines:
        raise BoxError(f"boxes {file} holds no box: write a line [name=]x,y,w,h for each target")
    targets: dict[str, Box] = {}
    for number, (text, where) in enumerate(lines, 1):
        try:
            given, box = parse_named_box(text)
            name = checked_name(given or ("target" if len(lines) == 1 else f"target{number}"))
        except BoxError as error:
            raise BoxError(f"{error}{where}") from None
        if name in targets:
            raise BoxError(f"two targets are named {name!r}{where}: give each its own name")
        targets[name] = box
    return targets
