"""Frames that somebody pushes: the newest one, and what is said of the sender."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from fake_devices import FAST, Listener, listening, number_in, numbered

from ltr.errors import FrameError
from pytracking.sources.pushed_feed import PushedFeed


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening(PushedFeed("visitor", "the camera of a visitor", limits=FAST)) as heard:
        yield heard


def pushed(listener: Listener) -> PushedFeed:
    assert isinstance(listener.feed, PushedFeed)
    return listener.feed


def test_the_newest_one_and_each_wakes(listener: Listener) -> None:
    feed = pushed(listener)
    assert (feed.live, feed.length, feed.frame_rate) == (True, None, 30)
    assert feed.condition.word == "opening"
    for number in (1, 2, 3):
        listener.woken.clear()
        feed.push(numbered(number))
        assert listener.woken.is_set()
    shot = listener.shot()
    assert (shot.number, number_in(shot.frame)) == (3, 3)
    assert feed.take() is None


def test_silence_is_a_stall_until_the_next_frame(listener: Listener) -> None:
    feed = pushed(listener)
    for number in (1, 2):  # the second silence is noticed as the first
        feed.push(numbered(number))
        assert feed.condition.word == "running"
        listener.until_it_is("stalled")
        assert feed.condition.line == (
            "the camera of a visitor gives no frames: look whether its page is open and may use the "
            "camera; it is tried again until it does"
        )


def test_the_same_pixels_again_and_again(listener: Listener) -> None:
    feed = pushed(listener)
    done = threading.Event()

    def push() -> None:
        while not done.wait(0.01):
            feed.push(numbered(1))

    sender = threading.Thread(target=push)
    sender.start()
    try:
        listener.until_it_is("repeating")
    finally:
        done.set()
        sender.join()
    feed.push(numbered(2))
    assert feed.condition.word == "running"


def test_a_sender_that_leaves_may_come_back(listener: Listener) -> None:
    feed = pushed(listener)
    feed.push(numbered(1))
    feed.lose("the visitor has closed the page: open it again")
    listener.until_it_is("lost")
    assert feed.condition.line == "the visitor has closed the page: open it again"
    feed.push(numbered(2))
    assert feed.condition.word == "running"


def test_nothing_comes_after_the_end(listener: Listener) -> None:
    feed = pushed(listener)
    feed.push(numbered(1))
    began = time.monotonic()
    feed.close()
    assert time.monotonic() - began < 1
    feed.push(numbered(2))
    assert feed.take() is None
    assert feed.condition.word == "ended"


def test_no_going_back(listener: Listener) -> None:
    with pytest.raises(
        FrameError, match=r"^the camera of a visitor is live: there is no going to frame 3$"
    ):
        listener.feed.seek(3)
