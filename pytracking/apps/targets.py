"""Which targets: their boxes in the first frame, as text, from a file, or drawn with the mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ltr.errors import BoxError
from ltr.files import make_folder, safe_name
from ltr.geometry import box_fields, is_number, parse_named_box
from ltr.images import Frame
from ltr.paths import read_regular
from pytracking.api import checked_name
from pytracking.sinks.display import Selector, select_boxes
from pytracking.sinks.pixel_grid import write_pixel_grid
from pytracking.tracker.prediction import Box

MANY = 32
"""Lines of a file of boxes above which it may be meant for something else."""


def named_boxes(
    boxes: Sequence[str],
    file: Path | None,
    confirm: Callable[[str], bool] = lambda question: False,
) -> dict[str, Box]:
    """Targets from the command line, each "[NAME=]x,y,w,h", and from a file with such a line a
    target. A single one without a name is `target`, others are numbered. Where the file has more
    than MANY, `confirm` is asked whether they are meant. Raises BoxError."""
    lines = [(text, "") for text in boxes]
    if file is not None:
        rows = _rows(file)
        if len(rows) > MANY:
            what = f"{file} holds {len(rows)} boxes, each a target of the first frame"
            if not confirm(f"{what}, not a ground truth with a line a frame: track them all?"):
                raise BoxError(
                    f"{what}: of a ground truth give the first line alone, --box {rows[0][1]!r}, "
                    "or add --yes to track them all"
                )
        lines += [(row, f" ({file}, line {number})") for number, row in rows]
    if not lines:
        raise BoxError(f"boxes {file} holds no box: write a line [name=]x,y,w,h for each target")
    targets: dict[str, Box] = {}
    for number, (text, where) in enumerate(lines, 1):
        try:
            given, box = parse_named_box(text)
            name = checked_name(given or _numbered(number, len(lines)))
        except BoxError as error:
            raise BoxError(f"{error}{where}") from None
        if name in targets:
            raise BoxError(f"two targets are named {name!r}{where}: give each its own name")
        targets[name] = box
    return targets


def targets_shown(
    frame: Frame,
    name: str,
    refusal: str | None,
    selector: Selector,
    start: int = 1,
) -> dict[str, Box]:
    """Targets drawn with the mouse in frame `start` of the source `name`. Raises BoxError where
    none is drawn, and where no window can be opened, which `refusal` says: then a picture of the
    frame with the numbers of its pixels is written, and named."""
    if refusal is not None:
        which = "first_frame" if start == 1 else f"frame_{start}"
        path = Path("outputs") / "track" / f"{safe_name(name)}_{which}.png"
        make_folder(path.parent)
        write_pixel_grid(path, frame)
        raise BoxError(
            f"which target? {path} is {'the first frame' if start == 1 else f'frame {start}'} with "
            "the numbers of its pixels: read the box off and add --box left,top,width,height (no "
            f"box can be drawn here: {refusal})"
        )
    boxes = select_boxes(frame, selector)
    if not boxes:
        raise BoxError(
            "no target was selected, nothing is tracked: draw a box and press Enter, or add --box "
            "x,y,w,h"
        )
    return {_numbered(k, len(boxes)): box for k, box in enumerate(boxes, 1)}


def _rows(file: Path) -> list[tuple[int, str]]:
    """The lines that are to hold a box, with their numbers: neither comments nor a header."""
    try:
        text = read_regular(file).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BoxError(
            f"cannot read boxes {file}: {getattr(error, 'strerror', None) or error}"
        ) from None
    numbered = ((number, row.strip()) for number, row in enumerate(text.splitlines(), 1))
    rows = [(number, row) for number, row in numbered if row and not row.startswith("#")]
    return rows[1:] if rows and _is_header(rows[0][1]) else rows


def _is_header(row: str) -> bool:
    fields = box_fields(row)
    return len(fields) in (4, 5) and "=" not in row and not any(map(is_number, fields))


def _numbered(number: int, count: int) -> str:
    return "target" if count == 1 else f"target{number}"
