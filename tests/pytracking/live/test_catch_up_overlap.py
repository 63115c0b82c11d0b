"""What catching up is worth with a trained network, on the rendered clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from stand_ins import StandInFeed, frame_shown, shown

from ltr.geometry import iou
from ltr.images import Frame
from pytracking import MultiTracker
from pytracking.live.session import Session
from pytracking.sources.demo_clip import DemoClip
from pytracking.sources.synthetic import clip_index, rendered
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box

pytestmark = pytest.mark.slow

DRAWN, LEARNED = 25, 20
"""Frames that pass while a box is drawn, and while its target is learned."""
STARTS = (19, 75, 131, 187, 243)
CLIP = DemoClip(0)


def overlap(box: Box, number: int) -> float:
    """With the true box in frame `number` of the synthetic source."""
    true = torch.tensor(np.asarray(CLIP.boxes_xywh[clip_index(number)], np.float32))
    return float(iou(torch.tensor(box), true)) if box[2] > 0 else 0.0


class Slow(MultiTracker):
    """While it learns, frames come."""

    def __init__(self, engine: TrackerEngine, feed: StandInFeed) -> None:
        super().__init__(engine)
        self._feed = feed

    def add(self, frame: Frame, box: Sequence[float], name: str) -> None:
        super().add(frame, box, name)
        push(self._feed, LEARNED)


def push(feed: StandInFeed, count: int) -> int:
    for _ in range(count):
        number = feed.count + 1
        feed.push(rendered(clip_index(number)), number / 25)
    return feed.count


def test_the_first_box_that_is_shown(tmp_path: Path) -> None:
    tracker = MultiTracker.load()
    late, caught_up = [], []
    for start in STARTS:
        box = tuple(CLIP.boxes_xywh[clip_index(start)].tolist())
        end = start + DRAWN + LEARNED
        tracker.add(rendered(clip_index(start)), box, "face")
        late.append(overlap(tracker.track(rendered(clip_index(end)))["face"].box, end))
        tracker.remove("face")
        feed = StandInFeed("feed")
        slow = Slow(tracker.engine, feed)
        with Session(slow, [feed], recordings=tmp_path, clock=lambda: 0.0) as session:
            feed.count = start - 1
            for count in (1, DRAWN):
                for _ in range(count):
                    frame_shown(session, "feed", push(feed, 1))
            session.add("feed", box, "face", start)
            view = shown(session, "feed", lambda view: "face" in view.predictions)
            assert view.shot.number == end
            caught_up.append(overlap(view.predictions["face"].box, end))
    print(f"late {np.mean(late):.3f} {late}, caught up {np.mean(caught_up):.3f} {caught_up}")
    assert np.mean(caught_up) > np.mean(late) + 0.15
