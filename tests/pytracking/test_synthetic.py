"""The rendered clip without end."""

from __future__ import annotations

import time

import numpy as np
import pytest
from fake_devices import listening

from pytracking.sources import synthetic
from pytracking.sources.demo_clip import FRAMES, DemoClip
from pytracking.sources.opening import open_feed
from pytracking.sources.synthetic import Synthetic, clip_index, rendered


def test_forward_and_backward_without_end() -> None:
    order = [clip_index(number) for number in range(1, 20_001)]
    assert order[:FRAMES] == list(range(FRAMES))
    assert order[FRAMES - 1 : 2 * FRAMES - 1] == list(range(FRAMES - 1, -1, -1))
    assert set(np.abs(np.diff(order))) == {1}
    assert set(order) == set(range(FRAMES))


def test_frames_are_those_of_the_clip_and_rendered_once() -> None:
    assert np.array_equal(rendered(7), DemoClip(0).frame(7))
    assert rendered(7) is rendered(7)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = np.zeros((360, 640, 3), np.uint8)
    monkeypatch.setattr(synthetic, "rendered", lambda index: plain + np.uint8(index))


@pytest.mark.usefixtures("cheap")
def test_pace_and_size() -> None:
    capture = Synthetic((1280, 720), 50.0).open()
    began = time.monotonic()
    frames = [capture.read() for _ in range(8)]
    assert time.monotonic() - began >= 7 / 50
    assert [frame.shape for frame in frames] == [(720, 1280, 3)] * 8
    assert [frame[0, 0, 0] for frame in frames] == list(range(8))


@pytest.mark.usefixtures("cheap")
def test_who_is_late_does_not_hurry_afterwards() -> None:
    capture = Synthetic(frame_rate=50.0).open()
    capture.read()
    time.sleep(0.2)
    began = time.monotonic()
    for _ in range(4):
        capture.read()
    assert time.monotonic() - began >= 3 / 50


def test_as_a_feed() -> None:
    with listening(open_feed("synthetic")) as listener:
        feed = listener.feed
        assert (feed.name, feed.live, feed.frame_rate, feed.length) == (
            "synthetic",
            True,
            25.0,
            None,
        )
        shot = listener.shot()
        assert np.array_equal(shot.frame, rendered(clip_index(shot.number)))
        assert feed.condition.word == "running"
