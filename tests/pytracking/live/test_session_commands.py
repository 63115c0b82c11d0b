"""The rest of what a person can do: names, boxes drawn anew, frames held, sources, another tracker, what is watched."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from stand_ins import (
    BOX,
    StandInFeed,
    StandInTracker,
    frame_shown,
    picture,
    session_of,
    shown,
)

from ltr.errors import BoxError, FrameError
from ltr.images import Frame, read_image
from pytracking.live.session import Session
from pytracking.live.words import News
from pytracking.sources.feed import Condition

OTHER = (30.0, 20.0, 16.0, 16.0)


def test_a_name_changes_and_the_draws_do_not(tmp_path: Path) -> None:
    feed, tracker = StandInFeed(), StandInTracker()
    with session_of(tmp_path, feed, tracker=tracker) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        session.add("feed", BOX, "cup")
        colour = session.view("feed").colours["cup"]  # type: ignore[union-attr]
        session.rename("cup", "mug")
        session.rename("mug", "mug")
        view = session.view("feed")
        assert view is not None
        assert view.colours == {"mug": colour}
        assert tracker.names == ("cup",)
        session.add("feed", OTHER, "cup")
        assert tracker.names == ("cup", "cup#2"), "the first cup keeps its draws"
        with pytest.raises(BoxError, match="^a target 'cup' is tracked already: give another name"):
            session.rename("mug", "cup")
        with pytest.raises(BoxError, match="^a target cannot be named 'two\\\\nlines': "):
            session.rename("mug", "two\nlines")
        feed.push()
        assert set(frame_shown(session, "feed", 2).predictions) == {"mug", "cup"}


def test_a_box_is_drawn_anew(tmp_path: Path) -> None:
    feed, tracker = StandInFeed(), StandInTracker()
    with session_of(tmp_path, feed, tracker=tracker) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        session.add("feed", BOX, "cup")
        with pytest.raises(BoxError):
            session.redraw("cup", (0, 0, 0, 0))
        feed.push()
        assert frame_shown(session, "feed", 2).predictions["cup"].box[0] == BOX[0] + 1
        session.redraw("cup", OTHER)
        view = session.view("feed")
        assert view is not None
        assert (view.given, view.predictions) == ({"cup": OTHER}, {})
        feed.push()
        assert frame_shown(session, "feed", 3).predictions["cup"].box[0] == OTHER[0] + 1
        assert tracker.names == ("cup",)


def test_a_box_on_an_earlier_frame(tmp_path: Path) -> None:
    """Drawing takes longer than frames are kept: held ones are there for a minute."""
    now = 0.0
    feed = StandInFeed()
    seen: list[int] = []

    class Noting(StandInTracker):
        def add(self, frame: Frame, box: object, name: str) -> None:
            seen.append(int(frame[0, 0, 0]))
            super().add(frame, BOX, name)

    with Session(Noting(), [feed], recordings=tmp_path, clock=lambda: now) as session:

        def push() -> None:
            frame_shown(session, "feed", feed.push())

        for _ in range(4):
            push()
        session.add("feed", BOX, "recent", number=2)
        session.hold("feed", 3)
        now = 4.0
        push()
        session.add("feed", BOX, "held", number=3)
        with pytest.raises(BoxError, match="^frame 2 is gone: draw the box again"):
            session.add("feed", BOX, number=2)
        now = 61.0
        push()
        with pytest.raises(BoxError, match="^frame 3 is gone: draw the box again"):
            session.hold("feed", 3)
    assert seen == [2, 3]


def test_no_more_than_eight_frames_are_held(tmp_path: Path) -> None:
    now = 0.0
    feed = StandInFeed()
    with Session(StandInTracker(), [feed], recordings=tmp_path, clock=lambda: now) as session:
        for number in range(1, 10):
            frame_shown(session, "feed", feed.push())
            session.hold("feed", number)
        now = 10.0
        frame_shown(session, "feed", feed.push())
        for number in range(2, 10):
            session.hold("feed", number)
        with pytest.raises(BoxError, match="^frame 1 is gone"):
            session.hold("feed", 1)


def test_going_to_a_frame_shows_it_and_targets_go_on_from_there(tmp_path: Path) -> None:
    feed = StandInFeed("clip", [picture(k) for k in range(1, 11)])
    live = StandInFeed("live")
    with session_of(tmp_path, feed, live) as session:
        frame_shown(session, "clip", 1)
        session.pause()
        session.add("clip", BOX, "cup")
        session.step()
        frame_shown(session, "clip", 2)
        session.seek("clip", 7)
        view = frame_shown(session, "clip", 7)
        assert (view.predictions, view.seconds) == ({}, 0)
        session.step()
        assert frame_shown(session, "clip", 8).predictions["cup"].box[0] == BOX[0] + 2
        with pytest.raises(FrameError, match="^live is live: there is no frame to go to$"):
            session.seek("live", 1)
        session.play()
        shown(session, "clip", lambda view: view.condition.word == "ended")
        for _ in range(3):
            session.step()  # at the end there is none
        session.seek("clip", 1)
        frame_shown(session, "clip", 1)
        session.step()
        frame_shown(session, "clip", 2)
        session.play()
        shown(
            session, "clip", lambda view: view.condition.word == "ended" and view.shot.number == 10
        )


def test_sources_come_and_go(tmp_path: Path) -> None:
    first, second, third = StandInFeed("cam"), StandInFeed("cam"), StandInFeed("cam")
    tracker = StandInTracker()
    with session_of(tmp_path, first, tracker=tracker) as session:
        assert session.open(second) == "cam 2"
        for feed, name in ((first, "cam"), (second, "cam 2")):
            feed.push()
            frame_shown(session, name, 1)
            session.add(name, BOX)
        session.close("cam")
        assert first.closed
        assert not second.closed
        assert session.view("cam") is None
        assert session.sources == ("cam 2",)
        assert [t["name"] for t in session.status()["targets"]] == ["target2"]
        assert tracker.names == ("target2",)
        assert session.open(third) == "cam"
        with pytest.raises(FrameError, match="^there is no source 'door': there are cam 2, cam$"):
            session.close("door")
    assert second.closed
    assert third.closed


def test_a_source_by_its_name(tmp_path: Path) -> None:
    for k in range(3):
        cv2.imwrite(str(tmp_path / f"{k}.png"), picture(k))
    with session_of(tmp_path) as session:
        with pytest.raises(FrameError, match="nowhere"):
            session.open("nowhere")
        name = session.open(str(tmp_path))
        assert frame_shown(session, name, 1).paused
        session.play()
        shown(session, name, lambda view: view.condition.word == "ended" and view.shot.number == 3)


def test_only_what_is_watched_is_computed(tmp_path: Path) -> None:
    observers: list[object] = []

    class Showing(StandInTracker):
        def track(self, frame, names=None):  # type: ignore[no-untyped-def]
            observers.append(self.observer)
            if self.observer is not None:
                chosen = [n for n in self.names if n in names]
                rows = torch.tensor([[float(len(name))] for name in chosen])
                self.observer.observe("score_map", rows)
                self.observer.observe("search_crop", rows)
                self.observer.observe("candidate_energies", rows)
            return super().track(frame, names)

    feeds = StandInFeed("one"), StandInFeed("two")
    session = Session(
        Showing(), feeds, recordings=tmp_path, seen=["score_map", "candidate_energies"]
    )
    with session:
        for feed in feeds:
            feed.push()
            frame_shown(session, feed.name, 1)
        session.add("one", BOX, "a")
        session.add("one", BOX, "bcd")
        session.add("two", BOX, "ef")
        with pytest.raises(BoxError, match="^target 'ef' is in two, not in one$"):
            session.watch("one", "ef")
        feeds[0].push()
        assert frame_shown(session, "one", 2).seen is None
        session.watch("one", "bcd")
        assert session.status()["sources"][0]["watched"] == "bcd"
        feeds[1].push()
        frame_shown(session, "two", 2)
        feeds[0].push()
        seen = frame_shown(session, "one", 3).seen
        assert seen is not None
        assert {name: value.tolist() for name, value in seen.items()} == {
            "score_map": [3.0],
            "candidate_energies": [[3.0]],
        }
        session.remove("bcd")
        session.add("one", BOX, "bcd")  # another one of that name
        feeds[0].push()
        assert frame_shown(session, "one", 4).seen is None
    assert [observer is not None for observer in observers] == [False, False, True, False]


def test_a_condition_is_shown_and_said(tmp_path: Path) -> None:
    feed = StandInFeed()
    with session_of(tmp_path, feed) as session:
        feed.push()
        frame_shown(session, "feed", 1)
        lost = Condition("lost", "camera 0 is gone: plug it in again")
        feed.say(lost)
        view = shown(session, "feed", lambda view: view.condition == lost)
        assert view.shot.number == 1
        assert session.status()["messages"][-1]["line"] == lost.line
        assert session.status()["sources"][0]["condition"]["word"] == "lost"


def test_the_terminal_hears_of_each_change_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    feed = StandInFeed()
    lost, running = Condition("lost", "camera 0 is gone"), Condition("running")
    with session_of(tmp_path, feed) as session:
        frame_shown(session, "feed", feed.push())
        news = News(session)
        for condition in (lost, lost, running, running, lost):
            feed.say(condition)
            shown(session, "feed", lambda view, wanted=condition: view.condition == wanted)
            news.tell()
        session.add("feed", BOX)
        feed.push(picture(99))
        frame_shown(session, "feed", 2)
        for _ in range(2):
            news.tell()
    said = ["camera 0 is gone", "feed gives frames again", "camera 0 is gone"]
    said.append("feed: a frame was not tracked: the frame is of value 99")
    assert capsys.readouterr().err.splitlines() == [f"pytracking: note: {line}" for line in said]


def test_a_snapshot_is_what_is_shown(tmp_path: Path) -> None:
    feed = StandInFeed("hall door/2")
    with session_of(tmp_path, feed) as session:
        with pytest.raises(FrameError, match="^hall door/2 has given no frame yet: "):
            session.snapshot("hall door/2")
        feed.push(picture(40, (640, 360)))
        frame_shown(session, "hall door/2", 1)
        plain, again = (session.snapshot("hall door/2") for _ in range(2))
        assert plain == tmp_path / "recordings" / "hall_door_2_000001.png"
        assert again.name == "hall_door_2_000001_2.png"
        session.add("hall door/2", (300, 150, 80, 60))
        drawn = session.snapshot("hall door/2")
        assert read_image(plain).shape == (360, 640, 3)
        assert (read_image(plain)[200, 340] == 40).all()
        assert np.any(read_image(plain)[150:211] != read_image(drawn)[150:211])
