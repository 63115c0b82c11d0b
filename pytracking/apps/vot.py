"""Serve a tracker to the VOT toolkit over the TraX protocol, and write it a workspace."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from string import Template
from typing import Any, Literal

import numpy as np

import pytracking
from ltr.data.layouts.vot import area_preserving_boxes, bounding_boxes
from ltr.errors import ConfigError, TrackingError
from ltr.files import make_folder, write_text
from ltr.images import read_image
from pytracking.api import Tracker
from pytracking.apps.tracker_choice import TrackerChoice

BoxRule = Literal["enclosing", "area"]
"""How a polygon becomes the box that a tracker begins with: the one around it, or one of its area
about the mean of its corners."""
_BOXES = {"enclosing": bounding_boxes, "area": area_preserving_boxes}
FILES = {
    "trackers.ini": "the tracker as the toolkit starts it",
    "config.yaml": "the workspace: which trackers, which experiments",
}


def run_vot(choice: TrackerChoice, rule: BoxRule) -> int:
    """Answer the toolkit that started this process until it ends the connection. Raises
    TrackingError, and tells the toolkit why."""
    trax = _trax()
    if sys.stdin.isatty() and "TRAX_SOCKET" not in os.environ:
        raise ConfigError(
            "`pytracking vot` answers the VOT toolkit, which starts it itself: write a workspace "
            "with `pytracking vot init DIR`, then `vot test pytracking` there"
        )
    tracker = choice.load()
    server = trax.Server(
        [trax.Region.RECTANGLE, trax.Region.POLYGON],
        [trax.Image.PATH],
        tracker_name="pytracking",
        tracker_description=f"pytracking {pytracking.__version__}, {choice.network}",
    )
    why = None
    try:
        _serve(trax, server, tracker, rule)
    except trax.TraxException as error:
        raise TrackingError(f"the TraX connection broke: {error}") from None
    except TrackingError as error:
        why = str(error)
        raise
    finally:
        server.quit(why)
    return 0


def _serve(trax: Any, server: Any, tracker: Tracker, rule: BoxRule) -> None:
    while (request := server.wait()).type in ("initialize", "frame"):
        frame = read_image(Path(request.image["color"].path()))
        if request.type == "initialize":
            ((region, _),) = request.objects
            box = box_of(region, rule)
            tracker.initialize(frame, box)
            found: dict[str, float] = {}
        else:
            prediction = tracker.track(frame)
            box, found = prediction.box, {"confidence": prediction.score}
        server.status([(trax.Rectangle.create(*box), found)])


def box_of(region: Any, rule: BoxRule) -> tuple[float, float, float, float]:
    """The box x, y, w, h of a region of TraX; a rectangle is one by either rule."""
    if region.type == "rectangle":
        numbers = np.array(region.bounds())
    else:
        numbers = np.array([value for corner in region for value in corner])
    x, y, w, h = map(float, _BOXES[rule]([numbers])[0])
    return x, y, w, h


def write_workspace(folder: Path, stack: str, arguments: list[str]) -> int:
    """Write FILES into a folder; `arguments` are those of `pytracking vot`. Raises ResultError, and
    ConfigError where one of them is there."""
    for name in FILES:
        if (folder / name).exists():
            raise ConfigError(f"{folder / name} is there already: give another folder")
    make_folder(folder)
    words = {
        "python": sys.executable,
        "paths": str(Path(pytracking.__file__).resolve().parents[1]),
        "arguments": repr(["vot", *arguments]),
        "stack": stack,
    }
    for name, what in FILES.items():
        template = Template((_templates() / name).read_text(encoding="utf-8"))
        text = template.substitute(words)
        write_text(folder / name, text, "workspace file")
        print(f"  {folder / name}  {what}")
    print(f"next, where vot-toolkit is installed: cd {folder} && vot test pytracking")
    return 0


def _templates() -> Path:
    """In an installed package, else in the checkout."""
    package = Path(pytracking.__file__).resolve().parent
    inside = package / "external" / "vot"
    return inside if inside.is_dir() else package.parent / "external" / "vot"


def _trax() -> Any:
    try:
        import trax
        import trax.server
    except ImportError:
        raise ConfigError(
            "`pytracking vot` needs the package vot-trax: pip install 'pytracking[vot]'"
        ) from None
    return trax
