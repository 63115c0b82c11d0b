"""Many viewers, several sources: a slow one costs the others nothing, and nothing grows."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from stand_ins import (
    BOX,
    PATIENCE,
    StandInFeed,
    StandInTracker,
    frame_shown,
    picture,
    session_of,
    shown,
)

from ltr.errors import TrackingError
from pytracking.live.commands import CommandQueue
from pytracking.live.kept_frames import BYTES, KeptFrames
from pytracking.live.messages import MOST, Messages
from pytracking.live.rates import RateMeter
from pytracking.sources.feed import Shot


def test_fifty_viewers_and_one_that_never_looks(tmp_path: Path) -> None:
    feed = StandInFeed("clip", [picture(k) for k in range(1, 201)])
    newest: list[int] = []

    def look() -> None:
        after = number = 0
        while view := session.wait("clip", after, PATIENCE):
            assert view.sequence > after
            assert view.shot.number >= number
            after, number = view.sequence, view.shot.number
        newest.append(number)

    with session_of(tmp_path, feed) as session:
        stale = frame_shown(session, "clip", 1)  # kept, as by a viewer that has stopped reading
        viewers = [threading.Thread(target=look) for _ in range(50)]
        for viewer in viewers:
            viewer.start()
        session.add("clip", BOX)
        shown(session, "clip", lambda view: view.condition.word == "ended")
    begin = time.monotonic()
    for viewer in viewers:
        viewer.join(PATIENCE)
    assert newest == [200] * 50
    assert time.monotonic() - begin < PATIENCE / 2, "the end is told to whoever waits"
    assert stale.shot.number == 1


def test_waiting_ends_when_nothing_comes(tmp_path: Path) -> None:
    feed = StandInFeed()
    with session_of(tmp_path, feed) as session:
        feed.push()
        view = frame_shown(session, "feed", 1)
        assert session.wait("feed", view.sequence, 0.01) is None
        assert session.wait("feed", view.sequence - 1, 0.01) is view
        assert session.wait("nowhere", 0, 0.01) is None


def test_sources_at_their_own_rates_are_one_batch_where_they_can(tmp_path: Path) -> None:
    fast, slow, tracker = StandInFeed("fast"), StandInFeed("slow"), StandInTracker()
    with session_of(tmp_path, fast, slow, tracker=tracker) as session:
        for feed in (fast, slow):
            feed.push()
            frame_shown(session, feed.name, 1)
            session.add(feed.name, BOX, feed.name)
        for _ in range(3):  # the slow one has stalled
            frame_shown(session, "fast", fast.push())
        assert tracker.batches == [["fast"]] * 3
        assert session.view("slow").shot.number == 1  # type: ignore[union-attr]
        session.pause()
        fast.push()
        slow.push()
        session.play()
        frame_shown(session, "slow", 2)
        assert tracker.batches[3:] == [["fast", "slow"]]


def test_a_bad_frame_of_one_source_is_not_felt_by_the_other(tmp_path: Path) -> None:
    good, bad = StandInFeed("good"), StandInFeed("bad")
    with session_of(tmp_path, good, bad) as session:
        for feed in (good, bad):
            feed.push()
            frame_shown(session, feed.name, 1)
            session.add(feed.name, BOX, feed.name)
        session.pause()
        good.push()
        bad.push(picture(99))
        session.step()
        assert frame_shown(session, "good", 2).predictions["good"].box[0] == BOX[0] + 1
        assert frame_shown(session, "bad", 2).predictions == {}
        (message,) = session.status()["messages"]
        assert message["line"] == "bad: a frame was not tracked: the frame is of value 99"


def test_a_slow_tracker_leaves_live_frames_out_and_counts_them(tmp_path: Path) -> None:
    feed, tracker = StandInFeed(), StandInTracker()
    begun, go_on = threading.Event(), threading.Event()
    with session_of(tmp_path, feed, tracker=tracker) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        session.add("feed", BOX)
        track = tracker.track

        def waiting(frame, names=None):  # type: ignore[no-untyped-def]
            begun.set()
            go_on.wait(PATIENCE)
            return track(frame, names)

        tracker.track = waiting  # type: ignore[method-assign]
        feed.push()
        begun.wait(PATIENCE)
        for _ in range(5):
            feed.push()
        go_on.set()
        assert frame_shown(session, "feed", 7).frames_dropped == 4
        session.pause()
        for _ in range(3):
            feed.push()
        session.play()
        assert frame_shown(session, "feed", 10).frames_dropped == 4, "a pause drops none"
        assert frame_shown(session, "feed", feed.push()).frames_dropped == 4


def test_no_thread_is_left_and_the_end_is_quick(tmp_path: Path) -> None:
    before = threading.active_count()
    feeds = [StandInFeed("clip", [picture(k) for k in range(1, 2000)]), StandInFeed("cam")]
    with session_of(tmp_path, *feeds) as session:
        session.start_recording()
        session.play()
        frame_shown(session, "cam", feeds[1].push())
        begin = time.monotonic()
    assert time.monotonic() - begin < 5, "a tenth of a second, and more on a loaded machine"
    assert threading.active_count() == before
    assert all(feed.closed for feed in feeds)


def test_an_error_in_the_block_ends_it_too(tmp_path: Path) -> None:
    before, feed = threading.active_count(), StandInFeed()
    with pytest.raises(KeyboardInterrupt), session_of(tmp_path, feed):
        raise KeyboardInterrupt
    assert threading.active_count() == before
    assert feed.closed


def test_a_second_ctrl_c_waits_for_the_end(tmp_path: Path) -> None:
    class Interrupting(StandInFeed):
        def close(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            super().close()

    before, feed = threading.active_count(), Interrupting()
    with pytest.raises(KeyboardInterrupt), session_of(tmp_path, feed):
        raise KeyboardInterrupt
    assert feed.closed
    assert threading.active_count() == before


def test_a_session_sleeps_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    feed = StandInFeed()
    with session_of(tmp_path, feed) as session:
        frame_shown(session, "feed", feed.push())
        session.pause()
        before = time.thread_time_ns(), time.process_time()
        time.sleep(0.2)
        assert time.process_time() - before[1] < 0.1


# --- its parts


def test_kept_frames_are_bounded() -> None:
    now = 0.0
    kept = KeptFrames(lambda: now)
    frame = picture(0, (1920, 1080))
    for number in range(1, 101):
        kept.keep(Shot(number, frame, now))
    assert len(kept) == BYTES // frame.nbytes
    now = 100.0
    kept.keep(Shot(101, frame, now))
    assert len(kept) == 1
    kept.hold(101)
    now = 200.0
    kept.keep(Shot(102, frame, now))
    assert len(kept) == 1


def test_messages_are_bounded() -> None:
    messages = Messages()
    for number in range(200):
        messages.say(f"line {number}", "feed")
    assert [m.number for m in messages.all] == list(range(201 - MOST, 201))


def test_rates_over_the_last_two_seconds() -> None:
    now = 0.0
    meter = RateMeter(lambda: now)
    assert (meter.rates().end_to_end, meter.rates().tracker) == (0, 0)
    for _ in range(101):
        meter.note(0.02)
        now += 0.1
    assert meter.rates().end_to_end == pytest.approx(10, rel=0.1)
    assert meter.rates().tracker == pytest.approx(50)
    now += 3
    assert (meter.rates().end_to_end, meter.rates().tracker) == (0, 0)


def test_commands_that_nobody_carries_out() -> None:
    commands = CommandQueue(lambda: None)
    with pytest.raises(TrackingError, match="^the session has not begun: use it in a with block$"):
        commands.ask(int, 1)
    commands.begin()
    done: list[int] = []
    with pytest.raises(TrackingError, match="did not come to it within 0.01 seconds"):
        commands.ask(lambda: done.append(1), 0.01)
    commands.carry_out()
    assert done == [], "what was given up is not carried out later"
    waiting = threading.Timer(0.05, commands.end)
    waiting.start()
    with pytest.raises(TrackingError, match="^the session has ended: open it again$"):
        commands.ask(int, PATIENCE)
    with pytest.raises(TrackingError, match="^the session has ended: open it again$"):
        commands.ask(int, PATIENCE)
