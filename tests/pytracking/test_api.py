"""What a user imports: frames of any kind in, predictions out, and one line for what cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ltr.errors import BoxError, ConfigError, FrameError, TrackingError
from ltr.images import read_image
from pytracking import Prediction, Tracker
from pytracking.evaluation.metrics import overlap
from pytracking.sources.demo_clip import DemoClip

N = 5


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    clip = DemoClip(0)
    return [clip.frame(k) for k in range(N)]


@pytest.fixture(scope="module")
def box() -> tuple[float, ...]:
    return tuple(DemoClip(0).boxes_xywh[0])


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    return Tracker.load("imagenet_mobile", device="cpu")


def follow(tracker: Tracker, frames: list[np.ndarray], box: tuple[float, ...]) -> list[Prediction]:
    tracker.initialize(frames[0], box)
    return [tracker.track(frame) for frame in frames[1:]]


def test_prediction(tracker: Tracker, frames: list[np.ndarray], box: tuple[float, ...]) -> None:
    prediction = follow(tracker, frames, box)[-1]
    assert prediction.status == "found"
    assert 0.3 < prediction.score < 1.5
    assert overlap(np.array([prediction.box]), DemoClip(0).boxes_xywh[N - 1 : N])[0] > 0.7
    x, y, w, h = prediction.search_area
    assert w == h == pytest.approx(5 * np.sqrt(prediction.box[2] * prediction.box[3]), rel=0.05)
    assert x < prediction.box[0] < x + w
    assert y < prediction.box[1] < y + h


def grey(frame: np.ndarray) -> np.ndarray:
    return frame[:, :, 1]


def read_only(frame: np.ndarray) -> np.ndarray:
    copy = frame.copy()
    copy.flags.writeable = False
    return copy


EQUAL = {
    "grey": (lambda f: np.repeat(grey(f)[:, :, None], 3, axis=2), grey),
    "grey with an axis": (grey, lambda f: grey(f)[:, :, None]),
    "four channels": (lambda f: f, lambda f: np.dstack([f, np.full(f.shape[:2], 7, np.uint8)])),
    "negative strides": (lambda f: f[::-1, ::-1].copy(), lambda f: f[::-1, ::-1]),
    "read only": (lambda f: f, read_only),
    "16 bits": (lambda f: f, lambda f: f.astype(np.uint16) * 257),
    "a view of a larger array": (
        lambda f: f,
        lambda f: np.pad(f, ((3, 5), (2, 9), (0, 0)))[3:-5, 2:-9],
    ),
}


@pytest.mark.parametrize("kind", EQUAL)
def test_frames_that_are_the_same_picture(kind: str, tracker: Tracker, frames, box) -> None:  # type: ignore[no-untyped-def]
    plain, special = EQUAL[kind]
    if kind == "negative strides":
        x, y, w, h = box
        box = (640 - x - w, 360 - y - h, w, h)
    assert follow(tracker, [special(f) for f in frames], box) == follow(
        tracker, [plain(f) for f in frames], box
    )


def test_bgr(frames, box, tracker: Tracker) -> None:  # type: ignore[no-untyped-def]
    other = Tracker(tracker.engine, color="bgr")
    assert follow(other, [f[:, :, ::-1] for f in frames], box) == follow(tracker, frames, box)


def test_exif_rotated_jpeg_and_misnamed_png(tmp_path: Path, frames, box, tracker: Tracker) -> None:  # type: ignore[no-untyped-def]
    upright, rotated, misnamed = [], [], []
    for k, frame in enumerate(frames):
        turned = Image.fromarray(np.rot90(frame))
        exif = Image.Exif()
        exif[0x0112] = 6  # "rotate 90 degrees clockwise to show"
        turned.save(tmp_path / f"{k}.jpg", quality=95, exif=exif)
        turned.save(tmp_path / f"{k}_plain.jpg", quality=95)
        stored = np.asarray(Image.open(tmp_path / f"{k}_plain.jpg"))
        upright.append(np.rot90(stored, -1))
        rotated.append(read_image(tmp_path / f"{k}.jpg"))
        cv2.imwrite(str(tmp_path / f"{k}.png"), frame[:, :, ::-1])
        misnamed.append(read_image((tmp_path / f"{k}.png").rename(tmp_path / f"{k}_png.jpg")))
    assert follow(tracker, rotated, box) == follow(tracker, upright, box)
    assert follow(tracker, misnamed, box) == follow(tracker, frames, box)


def test_frame_padded_in_mid_video_far_from_the_target(frames, box, tracker: Tracker) -> None:  # type: ignore[no-untyped-def]
    height, width = frames[0].shape[:2]
    middle = (width / 2 - 20, height / 2 - 15, 40.0, 30.0)  # its search area stays inside the frame
    padded = [*frames[:2], *(np.pad(f, ((0, 60), (0, 80), (0, 0))) for f in frames[2:])]
    assert follow(tracker, padded, middle) == follow(tracker, frames, middle)


def test_box_partly_outside_the_frame(tracker: Tracker) -> None:
    """A target at the border is tracked as the same target is in a frame that repeats its border further out."""
    frame = DemoClip(0).frame(0)
    grown = np.pad(frame, ((0, 0), (200, 0), (0, 0)), mode="edge")
    shifted = (-12.0, 150.0, 60.0, 50.0)
    tracker.initialize(frame, shifted)
    here = tracker.track(frame)
    tracker.initialize(grown, (188.0, 150.0, 60.0, 50.0))
    there = tracker.track(grown)
    np.testing.assert_allclose(np.add(here.box, (200, 0, 0, 0)), there.box, atol=0.01)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            np.zeros((10, 10, 3), np.float32),
            "frame has type float32: give uint8 values from 0 to 255 (or uint16)",
        ),
        (
            np.zeros((0, 10, 3), np.uint8),
            "frame is empty (shape (0, 10, 3)): give an array of height x width x 3",
        ),
        (
            np.zeros((10, 10, 2), np.uint8),
            "frame has shape (10, 10, 2): give height x width, or that x 1, 3 or 4 channels",
        ),
        (
            np.zeros((2, 10, 10, 3), np.uint8),
            "frame has shape (2, 10, 10, 3): give height x width, or that x 1, 3 or 4 channels",
        ),
        (None, "frame is None: the video has ended, or the image could not be read"),
    ],
)
def test_refused_frames_lose_nothing(frame, message, frames, box, tracker: Tracker) -> None:  # type: ignore[no-untyped-def]
    expected = follow(tracker, frames, box)
    tracker.initialize(frames[0], box)
    for good, prediction in zip(frames[1:], expected, strict=True):
        with pytest.raises(FrameError) as error:
            tracker.track(frame)
        assert str(error.value) == message
        with pytest.raises(FrameError):
            tracker.initialize(frame, box)
        assert tracker.track(good) == prediction


@pytest.mark.parametrize(
    "bad",
    [
        (1, 2, 0, 4),
        (1, 2, -3, 4),
        (1, np.nan, 3, 4),
        (5000, 2, 30, 40),
        (1, 2, 1, 40),
        (1, 2, 3),
        "box",
    ],
)
def test_refused_boxes_lose_nothing(bad, frames, box, tracker: Tracker) -> None:  # type: ignore[no-untyped-def]
    expected = follow(tracker, frames, box)
    tracker.initialize(frames[0], box)
    with pytest.raises(BoxError) as error:
        tracker.initialize(frames[0], bad)
    assert "\n" not in str(error.value)
    assert [tracker.track(f) for f in frames[1:]] == expected


def refused(**arguments) -> Iterator[str]:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError) as error:
        Tracker.load(**arguments)
    return str(error.value)  # type: ignore[return-value]


def test_refused_choices(tracker: Tracker, frames: list[np.ndarray]) -> None:
    assert refused(name_or_path="imagenet_mobil") == (
        "unknown network 'imagenet_mobil': did you mean imagenet_mobile?"
    )
    assert refused(preset="imagnet18") == "unknown preset 'imagnet18': did you mean imagenet18?"
    assert refused(color="hsv") == "color is 'hsv': give 'rgb' or 'bgr'"
    assert refused(device="gpu") == "unknown device 'gpu': give auto, cpu, cuda or cuda:N"
    with pytest.raises(TrackingError, match="^track was called before initialize: "):
        Tracker(tracker.engine).track(frames[0])


def test_first_frame_is_the_only_one_that_is_kept(frames, box, tracker: Tracker) -> None:  # type: ignore[no-untyped-def]
    """A frame may be overwritten after the call, as a camera's buffer is."""
    expected = follow(tracker, frames, box)
    buffer = frames[0].copy()
    tracker.initialize(buffer, box)
    for frame, prediction in zip(frames[1:], expected, strict=True):
        buffer[:] = frame
        assert tracker.track(buffer) == prediction
