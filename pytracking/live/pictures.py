"""A view as a picture: the frame with the boxes that were found in it."""

from __future__ import annotations

from pathlib import Path

from ltr.files import make_folder, write_bytes
from ltr.images import Frame
from pytracking.live.views import View
from pytracking.sinks.overlays import Overlay


def picture_of(view: View, overlay: Overlay, seconds: float | None = None) -> Frame:
    """The frame of a view, drawn by the overlay of its source; `seconds` after the beginning, where
    they are to be written on it."""
    overlay.colours.update(view.colours)
    caption = f"frame {view.shot.number}"
    if seconds is not None:
        minutes, rest = divmod(seconds, 60)
        caption += f"   {minutes:.0f}:{rest:05.2f}"
    return overlay.picture(caption, view.shot.frame, view.predictions, view.given)


def new_picture(view: View, folder: Path, stem: str) -> Path:
    """Write a view to STEM_NUMBER.png in a folder, further ones of the same frame with a number
    of their own; returns the path. Raises ResultError."""
    import cv2

    picture = picture_of(view, Overlay(1.0))
    make_folder(folder)
    first = path = folder / f"{stem}_{view.shot.number:06d}.png"
    further = 2
    while path.exists():
        path, further = first.with_stem(f"{first.stem}_{further}"), further + 1
    _, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    write_bytes(path, data.tobytes(), "picture")
    return path
