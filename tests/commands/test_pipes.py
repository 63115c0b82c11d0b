"""A pipe in the place of a file is refused at once: nobody may ever write into it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ltr.errors import TrackingError
from ltr.settings import with_toml
from ltr.video import VideoFile
from pytracking.apps.targets import named_boxes
from pytracking.tracker.preset_settings import TrackerPreset

READERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "video": (VideoFile, "cannot read video PIPE (WHY): check its path and permissions"),
    "settings": (lambda pipe: with_toml(TrackerPreset(), pipe), "cannot read settings PIPE: WHY"),
    "boxes": (lambda pipe: named_boxes([], pipe), "cannot read boxes PIPE: WHY"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("what", READERS)
def test_pipes(what: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read, line = READERS[what]
    with pytest.raises(TrackingError) as error:
        read(tmp_path / "pipe")
    why = "it is a pipe, give the name of a file"
    assert str(error.value) == line.replace("PIPE", str(tmp_path / "pipe")).replace("WHY", why)
