"""The session: targets and time, as commands change them and viewers see them."""

from __future__ import annotations

import json
import threading
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

from ltr.errors import BoxError, FrameError, TrackingError
from pytracking.sources.feed import Condition, Shot


def stored(count: int = 10, name: str = "clip") -> StandInFeed:
    return StandInFeed(name, [picture(k) for k in range(1, count + 1)])


def test_a_target_begins_is_tracked_and_goes(tmp_path: Path) -> None:
    feed, tracker = StandInFeed(), StandInTracker()
    with session_of(tmp_path, feed, tracker=tracker) as session:
        assert session.sources == ("feed",)
        assert session.view("feed") is None
        with pytest.raises(BoxError, match="^feed has given no frame yet: wait for its first one$"):
            session.add("feed", BOX)
        feed.push()
        before = frame_shown(session, "feed", 1)
        assert (before.predictions, before.given, before.paused) == ({}, {}, False)
        assert session.add("feed", BOX) == "target"
        begun = session.view("feed")
        assert begun is not None
        assert begun.given == {"target": BOX}
        assert begun.sequence > before.sequence
        assert session.add("feed", BOX) == "target2"
        feed.push()
        view = frame_shown(session, "feed", 2)
        assert {name: p.box[0] for name, p in view.predictions.items()} == {
            "target": BOX[0] + 1,
            "target2": BOX[0] + 1,
        }
        assert view.given == {}
        assert set(view.colours) == {"target", "target2"}
        assert view.condition == Condition("running")
        session.remove("target")
        feed.push()
        assert set(frame_shown(session, "feed", 3).predictions) == {"target2"}
        session.reset()
        assert tracker.names == ()
        assert session.status()["targets"] == []
        status = session.status()
        assert json.loads(json.dumps(status)) == status
    assert len(tracker.threads) == 1
    assert threading.get_ident() not in tracker.threads
    assert feed.closed


def test_a_file_waits_for_its_first_target(tmp_path: Path) -> None:
    feed = stored()
    with session_of(tmp_path, feed) as session:
        assert frame_shown(session, "clip", 1).paused
        session.add("clip", BOX, "cup")
        view = shown(session, "clip", lambda view: view.condition.word == "ended")
        assert view.shot.number == 10
        assert view.predictions["cup"].box[0] == BOX[0] + 9


def test_pause_step_and_play(tmp_path: Path) -> None:
    feed = stored()
    with session_of(tmp_path, feed) as session:
        frame_shown(session, "clip", 1)
        session.pause()
        session.add("clip", BOX)
        assert session.view("clip").shot.number == 1  # type: ignore[union-attr]
        for number in (2, 3):
            session.step()
            view = frame_shown(session, "clip", number)
            assert view.paused
            assert view.predictions["target"].box[0] == BOX[0] + number - 1
        session.play()
        assert not frame_shown(session, "clip", 10).paused


def test_play_without_a_target_only_shows(tmp_path: Path) -> None:
    feed, tracker = stored(), StandInTracker()
    with session_of(tmp_path, feed, tracker=tracker) as session:
        frame_shown(session, "clip", 1)
        session.play()
        assert frame_shown(session, "clip", 10).seconds == 0
        assert tracker.batches == []


def test_refused_commands_change_nothing(tmp_path: Path) -> None:
    feed = StandInFeed()
    with session_of(tmp_path, feed) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        session.add("feed", BOX, "cup")
        for command, kind, line in (
            (
                lambda: session.add("feed", BOX, "cup"),
                BoxError,
                "a target 'cup' is tracked already: give another name",
            ),
            (
                lambda: session.remove("mug"),
                BoxError,
                "no target 'mug' is tracked: there are cup",
            ),
            (
                lambda: session.add("hall", BOX),
                FrameError,
                "there is no source 'hall': there are feed",
            ),
            (
                lambda: session.add("feed", BOX, number=7),
                BoxError,
                "frame 7 is gone: draw the box again, on the newest frame",
            ),
        ):
            with pytest.raises(kind) as error:
                command()
            assert str(error.value) == line
        assert [target["name"] for target in session.status()["targets"]] == ["cup"]
    with pytest.raises(TrackingError, match="^the session has ended: open it again$"):
        session.pause()


def test_a_frame_that_is_refused_is_said_and_the_next_one_tracked(tmp_path: Path) -> None:
    feed = StandInFeed()
    with session_of(tmp_path, feed) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        session.add("feed", BOX)
        for number in (2, 3):
            feed.push(picture(99))
            assert frame_shown(session, "feed", number).predictions == {}
        feed.push()
        assert frame_shown(session, "feed", 4).predictions["target"].box[0] == BOX[0] + 1
        (message,) = session.status()["messages"]
        assert message == {
            "number": 2,
            "source": "feed",
            "line": "feed: a frame was not tracked: the frame is of value 99",
            "times": 2,
        }


def test_an_error_that_nothing_foresees_ends_the_session(tmp_path: Path) -> None:
    class Broken(StandInFeed):
        def take(self) -> Shot | None:
            raise RuntimeError("broken")

    feed = Broken()
    session = session_of(tmp_path, feed).__enter__()
    assert session.failed.wait(PATIENCE)
    assert session.wait("feed", 0, PATIENCE) is None, "nobody waits"
    with pytest.raises(TrackingError, match="^the session has ended"):
        session.pause()
    with pytest.raises(RuntimeError, match="^broken$"):
        session.__exit__(None, None, None)
    assert feed.closed


def test_commands_from_many_threads(tmp_path: Path) -> None:
    feed, tracker = StandInFeed(), StandInTracker(seconds=0.001)
    stop = threading.Event()
    failures: list[BaseException] = []

    def command(number: int) -> None:
        try:
            for _ in range(20):
                name = session.add("feed", BOX, f"t{number}")
                session.pause()
                session.play()
                session.status()
                session.remove(name)
        except BaseException as error:
            failures.append(error)

    with session_of(tmp_path, feed, tracker=tracker) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        pushing = threading.Thread(target=lambda: [feed.push() for _ in iter(stop.is_set, True)])
        pushing.start()
        threads = [threading.Thread(target=command, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        stop.set()
        pushing.join(PATIENCE)
        assert session.status()["targets"] == []
    assert failures == []
    assert len(tracker.threads) == 1
