"""Cameras, by an OpenCV that plays one: what is asked of them, what is said, and that it is quiet."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest
from fake_devices import FAST, listening

from ltr.errors import FrameError
from pytracking.sources import camera
from pytracking.sources.camera import Camera, difference, refuse_unusable
from pytracking.sources.live_feed import LiveFeed


class Webcam:
    """A cv2.VideoCapture that has one mode and gives blue frames."""

    opens = True
    mode: ClassVar[dict[int, float]] = {
        cv2.CAP_PROP_FRAME_WIDTH: 64.0,
        cv2.CAP_PROP_FRAME_HEIGHT: 48.0,
        cv2.CAP_PROP_FPS: 29.97,
    }
    made: ClassVar[list[Webcam]] = []

    def __init__(self, number: int, backend: int) -> None:
        self.number, self.backend = number, backend
        self.asked: dict[int, float] = {}
        self.frames = 0
        self.released = False
        self.made.append(self)

    def isOpened(self) -> bool:
        return self.opens

    def set(self, what: int, value: float) -> bool:
        self.asked[what] = value
        return False

    def get(self, what: int) -> float:
        return self.mode.get(what, 0.0)

    def read(self) -> tuple[bool, np.ndarray]:
        self.frames += 1
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0], image[0, 0, 1] = 200, self.frames % 256
        return True, image

    def release(self) -> None:
        self.released = True


@pytest.fixture
def webcam(monkeypatch: pytest.MonkeyPatch) -> type[Webcam]:
    monkeypatch.setattr(camera, "refuse_unusable", lambda device: None)
    monkeypatch.setattr(cv2, "VideoCapture", Webcam)
    monkeypatch.setattr(Webcam, "made", [])
    return Webcam


def test_frames_are_rgb_and_the_camera_is_released(webcam: type[Webcam]) -> None:
    with listening(LiveFeed(Camera(2))) as listener:
        assert listener.feed.name == "video2"
        assert listener.shot().frame[5, 5].tolist() == [0, 0, 200]
        assert listener.feed.frame_rate == 29.97
        assert listener.feed.condition.line == ""
    made = webcam.made[0]
    assert (made.number, made.asked, made.released) == (2, {}, True)


def test_what_is_asked_for_and_what_is_given(webcam: type[Webcam]) -> None:
    feed = LiveFeed(Camera(0, (1920, 1080), 60.0))
    assert feed.frame_rate == 60.0
    with listening(feed) as listener:
        listener.until_it_is("running")
        assert listener.feed.condition.line == (
            "camera /dev/video0 gives 64x48 pixels instead of 1920x1080 and 29.97 frames/s instead of "
            "60: it has no such mode"
        )
    asked = webcam.made[0].asked
    assert asked[cv2.CAP_PROP_FRAME_WIDTH] == 1920
    assert asked[cv2.CAP_PROP_FRAME_HEIGHT] == 1080
    assert asked[cv2.CAP_PROP_FPS] == 60
    assert next(iter(asked)) == cv2.CAP_PROP_FOURCC  # the size is chosen among those of the coding


def test_nothing_is_said_of_what_was_had_or_not_asked_for() -> None:
    assert difference(None, None, (64, 48), 30.0) == ""
    assert difference((64, 48), 30.0, (64, 48), 29.97) == ""
    assert difference(None, 30.0, (64, 48), 0.0) == ""


def test_a_camera_in_use(webcam: type[Webcam], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Webcam, "opens", False)
    with listening(LiveFeed(Camera(0), FAST)) as listener:
        listener.until_it_is("lost")
        assert listener.feed.condition.line == (
            "camera /dev/video0 cannot be opened: see whether another program uses it, or whether it "
            "is a camera at all (v4l2-ctl --list-devices)"
        )


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    device = tmp_path / "video7"
    with pytest.raises(FrameError) as caught:
        refuse_unusable(device)
    begin = f"there is no camera {device}: connect it, or give another source"
    assert str(caught.value) == f"{begin} (there is none on this machine)"
    (tmp_path / "video1").touch()
    (tmp_path / "video0").touch()
    with pytest.raises(FrameError) as caught:
        refuse_unusable(device)
    assert str(caught.value) == f"{begin} (there are {tmp_path}/video0, {tmp_path}/video1)"


def test_a_camera_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "video0"
    device.touch()
    refuse_unusable(device)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(FrameError) as caught:
        refuse_unusable(device)
    assert str(caught.value) == (
        f"camera {device} may not be read by you: join its group and log in again "
        "(sudo usermod -aG video $USER)"
    )


def test_opencv_itself_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(camera, "refuse_unusable", lambda device: None)
    with listening(LiveFeed(Camera(997), FAST)) as listener:
        listener.until_it_is("lost")
    assert capfd.readouterr() == ("", "")
