"""Live feeds: the newest frame alone; a device that goes away, hangs or repeats is said and had again."""

from __future__ import annotations

import threading
import time

import pytest
from fake_devices import FAST, FakeDevice, listening, number_in, threads_of, wait_until

from ltr.errors import FrameError
from pytracking.sources.live_feed import BLOCKED_READERS, LiveFeed

REFUSAL = "there is no camera fake: connect it"


def test_newest_frame_alone() -> None:
    device = FakeDevice()
    with listening(LiveFeed(device, FAST)) as listener:
        listener.until(lambda: device.read_frames > 20)
        before = device.read_frames
        shot = listener.feed.take()
        assert shot is not None
        assert shot.number == number_in(shot.frame)
        assert shot.number >= before - 1
        assert listener.feed.condition.word == "running"
    assert listener.feed.take() is None


def test_no_frame_is_given_twice() -> None:
    device = FakeDevice()
    with listening(LiveFeed(device, FAST)) as listener:
        numbers = listener.numbers(20)
    assert len(set(numbers)) == 20
    assert numbers == sorted(numbers)


def test_captured_by_the_clock_that_is_given() -> None:
    with listening(LiveFeed(FakeDevice(), FAST, clock=lambda: 77.0)) as listener:
        shot = listener.shot()
        assert shot.captured == 77.0


def test_unplugged_and_plugged_in_again() -> None:
    device = FakeDevice()
    with listening(LiveFeed(device, FAST)) as listener:
        for _ in range(2):
            listener.until_it_is("running")
            assert listener.feed.condition.line == ""
            device.state = "fails"
            listener.until_it_is("lost")
            listener.until(lambda: listener.feed.condition.line == REFUSAL)
            device.state = "runs"
        listener.until_it_is("running")
    assert device.opened == device.closed == 3


def test_trying_again_does_not_spin() -> None:
    device = FakeDevice("fails")
    tries: list[None] = []
    refuse = device.open
    device.open = lambda: tries.append(None) or refuse()  # type: ignore[method-assign, func-returns-value]
    began = time.monotonic()
    with listening(LiveFeed(device, FAST)) as listener:
        listener.until_it_is("lost")
        wait_until(lambda: len(tries) >= 5)
    assert len(tries) <= (time.monotonic() - began) / FAST.retry + 1


def test_repeating_is_said_and_opened_again() -> None:
    device = FakeDevice()
    with listening(LiveFeed(device, FAST)) as listener:
        listener.until_it_is("running")
        device.state = "repeats"
        listener.until_it_is("repeating")
        assert listener.feed.condition.line.startswith("camera fake gives the very same pixels")
        wait_until(lambda: device.opened >= 3)
        assert device.closed >= 2
        device.state = "runs"
        listener.until_it_is("running")


def test_repeating_frames_are_still_given() -> None:
    device = FakeDevice()
    with listening(LiveFeed(device, FAST)) as listener:
        device.state = "repeats"
        listener.until_it_is("repeating")
        assert len(set(listener.numbers(3))) == 3


def test_a_stall_is_said_and_another_reader_takes_over() -> None:
    device = FakeDevice()
    feed = LiveFeed(device, FAST)
    with listening(feed) as listener:
        listener.until_it_is("running")
        device.state = "blocks"
        listener.until_it_is("stalled")
        assert feed.condition.line.startswith("camera fake gives no frames: check its cable")
        assert feed.blocked == 0
        wait_until(lambda: feed.blocked == 1)
        device.state = "runs"
        wait_until(lambda: feed.condition.word == "running")
        assert device.closed < device.opened
        device.free()
        wait_until(lambda: feed.blocked == 0)
        assert feed.condition.word == "running"
        assert feed.condition.line == ""
    assert device.closed == device.opened


def test_a_second_stall_is_said_as_the_first() -> None:
    device = FakeDevice()
    feed = LiveFeed(device, FAST)
    with listening(feed) as listener:
        for _ in range(2):
            listener.until_it_is("running")
            device.state = "blocks"
            listener.until_it_is("stalled")
            device.state = "runs"
            device.free()


def test_readings_that_never_return_are_bounded() -> None:
    device = FakeDevice("blocks")
    feed = LiveFeed(device, FAST)
    with listening(feed):
        wait_until(lambda: feed.blocked == BLOCKED_READERS)
        time.sleep(FAST.patience + 4 * FAST.retry)
        assert feed.blocked == BLOCKED_READERS == device.opened
        device.state = "runs"
        device.free()
        wait_until(lambda: feed.condition.word == "running" and feed.blocked == 0)


def test_a_device_that_gives_no_first_frame() -> None:
    with listening(LiveFeed(device := FakeDevice("blocks"), FAST)) as listener:
        assert listener.feed.condition.word == "opening"
        listener.until(lambda: listener.feed.condition.line != "")
        assert listener.feed.condition.line == (
            "camera fake has not given a frame yet: wait, or check its cable"
        )
        device.free()


def test_closes_within_a_second_while_a_reading_blocks() -> None:
    device = FakeDevice()
    feed = LiveFeed(device, FAST)
    woken = threading.Event()
    feed.start(woken.set)
    wait_until(lambda: feed.condition.word == "running")
    device.state = "blocks"
    wait_until(lambda: feed.condition.word == "stalled")
    began = time.monotonic()
    feed.close()
    feed.close()
    assert time.monotonic() - began < 2  # each within one
    assert feed.take() is None
    assert feed.condition.word == "ended"
    assert [thread.name for thread in threads_of(feed)] == ["reader fake"]
    assert threads_of(feed)[0].daemon
    device.free()
    wait_until(lambda: not threads_of(feed))
    assert device.closed == device.opened


def test_the_end_of_a_stream_is_the_end() -> None:
    device = FakeDevice()
    with listening(LiveFeed(device, FAST)) as listener:
        listener.until_it_is("running")
        device.state = "ends"
        listener.until_it_is("ended")
        assert listener.feed.condition.line == ""
        time.sleep(3 * FAST.retry)
        assert device.opened == device.closed == 1


def test_what_a_backend_raises_is_one_line() -> None:
    device = FakeDevice()

    def explode() -> FakeDevice:
        raise ValueError("OpenCV(5.0.0)\n cap.cpp:12 error")

    device.open = explode  # type: ignore[method-assign]
    with listening(LiveFeed(device, FAST)) as listener:
        listener.until_it_is("lost")
        assert listener.feed.condition.line == (
            "camera fake failed (OpenCV(5.0.0) cap.cpp:12 error): it is tried again"
        )


def test_what_a_device_gives_instead_is_said_while_it_runs() -> None:
    device = FakeDevice()
    device.note = "camera fake gives 640x480 pixels instead of 1920x1080: it has no such mode"
    with listening(LiveFeed(device, FAST)) as listener:
        listener.until_it_is("running")
        assert listener.feed.condition.line == device.note


def test_no_going_back() -> None:
    with pytest.raises(FrameError, match=r"^camera fake is live: there is no going to frame 3$"):
        LiveFeed(FakeDevice()).seek(3)
