"""MultiTracker.track with names: some targets step, the others stand still."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from engines import REFINED, engine_of

from ltr.errors import BoxError, FrameError
from ltr.images import Frame
from ltr.models.folding import InferenceNet
from pytracking import MultiTracker
from pytracking.tracker.snapshot import tensors_of

BOXES = {
    "cat": (98.0, 110.0, 60.0, 55.0),
    "table": (300.0, 60.0, 70.0, 50.0),
    "corner": (40.0, 200.0, 60.0, 90.0),
}


@pytest.mark.parametrize(("network", "settings"), [("imagenet_mobile", []), ("dimp18", REFINED)])
def test_some_step_and_the_others_stand_still(
    network: str, settings: list[str], networks: Callable[[str], InferenceNet], clip: list[Frame]
) -> None:
    """Two cameras: equal bits as the targets of each alone, whatever the others do."""
    engine = engine_of(networks, network, ["search.crop_side=96", *settings])

    def tracking(*names: str) -> MultiTracker:
        tracker = MultiTracker(engine)
        for name in names:
            tracker.add(clip[0], BOXES[name], name)
        return tracker

    tracker = tracking("cat", "table", "corner")
    left, right = tracking("cat", "corner"), tracking("table")
    for k in range(1, 7):
        frame = {"cat": clip[k], "corner": clip[k]}
        assert tracker.track(frame, ["corner", "cat"]) == left.track(clip[k])
        if k % 3 == 0:
            assert tracker.track(clip[k], {"table"}) == right.track(clip[k])
        assert tracker.names == ("cat", "table", "corner")
    now, alone = (tensors_of(t.snapshot().state) for t in (tracker, right))
    assert all(torch.equal(now[k][1].nan_to_num(), v[0].nan_to_num()) for k, v in alone.items())
    assert tracker.snapshot().state.frame_number == (7, 3, 7)
    assert tracker.track(clip[7], []) == {}
    with pytest.raises(BoxError) as error:
        tracker.track(clip[7], ["cat", "nobody"])
    assert str(error.value) == "no target 'nobody' is tracked: there are cat, table, corner"
    with pytest.raises(FrameError, match="^there is no frame for target 'cat': "):
        tracker.track({"table": clip[7]}, ["cat"])
    assert tracker.track(clip[7], ["table"]) == right.track(clip[7])
