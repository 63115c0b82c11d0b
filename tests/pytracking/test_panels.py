"""Panels: how what was observed of one target in one frame looks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from observed_step import FRAME, MAP, prediction

from ltr.images import Frame
from ltr.models.folding import fold
from pytracking.debug.panels import HEIGHT, MARGIN, WIDTH, strip
from pytracking.debug.pictures import BAR, FRAME_WIDTH, SCALE_WIDTH, SIDE, area_around
from pytracking.debug.strips import Strips
from pytracking.sinks.palette import PALETTE
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Prediction
from pytracking.tracker.presets import preset_named


def read(path: Path) -> Frame:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


def test_network_with_a_box_head(
    tmp_path: Path, shared: Path, golden: Callable[[str], Any]
) -> None:
    from golden.reference_nets import reference_net

    video = golden("video_synth.npz")
    coded = [video["png_bytes"][a:b] for a, b in pairwise(video["png_offsets"][:4])]
    frames = [
        np.ascontiguousarray(cv2.imdecode(part, cv2.IMREAD_COLOR)[..., ::-1]) for part in coded
    ]
    engine = TrackerEngine(
        fold(reference_net("dimp18", shared / "reference")), preset_named("dimp18_vot18")
    )
    state = engine.start(
        frames[0], tuple(golden("traj_dimp18_full_float.npz")["init_bbox"].tolist())
    )
    kept = state.copy()
    with Strips(tmp_path, every=1) as strips:
        state, predictions = engine.step(state, [frames[1]], observer=strips.observer(2))
        assert strips._seen is not None
        seen = strips._seen.of(0)
        strips.write(2, frames[1], ["a"], predictions)
    assert engine.step(kept, [frames[1]])[1] == predictions
    steps, boxes = engine.preset.refinement.iterations, 1 + engine.preset.refinement.random_boxes
    assert seen["candidate_boxes"].shape == (steps, boxes, 4)
    assert seen["candidate_energies"].shape == (steps, boxes)
    picture = read(tmp_path / "000002_a.png")
    assert picture.shape[0] == HEIGHT
    assert WIDTH <= picture.shape[1] < WIDTH + 150, "with a window all panels are there"
    without = {name: value for name, value in seen.items() if "candidate" not in name}
    plain = strip("frame 2   a", frames[1], predictions[0], without)
    assert plain.shape[1] == WIDTH
    brightest = np.array([253, 231, 37])  # of the colour map of energies
    assert (np.abs(picture.astype(int) - brightest).max(axis=-1) < 12).sum() > 200
    assert (np.abs(plain.astype(int) - brightest).max(axis=-1) < 12).sum() < 100


def test_map_after_the_window_only_where_it_differs() -> None:
    seen = {"score_map": MAP}
    alone = strip("frame 2", FRAME, prediction(), seen)
    assert np.array_equal(
        strip("frame 2", FRAME, prediction(), {**seen, "windowed_score_map": MAP.copy()}), alone
    )
    windowed = strip("frame 2", FRAME, prediction(), {**seen, "windowed_score_map": MAP / 2})
    right = MARGIN + FRAME_WIDTH[1] + 12
    bright = [(p[-SIDE:, right:].min(axis=-1) > 200).sum() for p in (alone, windowed)]
    assert bright[1] > bright[0] > 0
    # the peak, row 5 and column 12 of 19, is where the ring and the brightest cell are
    body = alone[HEIGHT - MARGIN - SIDE : HEIGHT - MARGIN, right - 1 : right - 1 + SIDE]
    rows, columns = np.nonzero(body.min(axis=-1) > 180)
    assert np.allclose([rows.mean(), columns.mean()], [5.5 * SIDE / 19, 12.5 * SIDE / 19], atol=2.5)


def test_box_and_hatching_in_the_search_area() -> None:
    """FRAME has 90 lines: a search area of 80 from line 0 stays within, from line 50 on it does not."""
    crop = np.full((3, 80, 80), 200, np.float32)
    left = MARGIN + FRAME_WIDTH[1] + 12
    views = []
    for y in (0.0, 50.0):
        seen = Prediction((40.0, 30.0, 20.0, 20.0), 0.8, "found", (10.0, y, 80.0, 80.0))
        picture = strip("frame 2", FRAME, seen, {"search_crop": crop}).astype(int)
        views.append(picture[-SIDE - MARGIN : -MARGIN, left : left + SIDE])
    within, beyond = views
    assert (np.abs(within - 200).max(axis=-1) < 3).mean() > 0.85
    assert beyond[SIDE // 2 + 4 :].max() < 160, "dimmed below the frame's last line"
    assert (np.abs(beyond[: SIDE // 2 - 4] - 200).max(axis=-1) < 3).mean() > 0.85
    rows, columns = np.nonzero(np.abs(within - PALETTE[0]).max(axis=-1) < 25)
    ends = [columns.min(), rows.min(), columns.max(), rows.max()]
    assert np.allclose(ends, np.array([30, 30, 50, 50]) * SIDE / 80, atol=4)


def test_the_scale_of_a_map() -> None:
    """Beside the map, from its peak above to black below."""
    picture = strip("frame 2", FRAME, prediction(), {"score_map": MAP}).astype(int)
    left = MARGIN + FRAME_WIDTH[1] + 12 + SIDE + 6
    scale = picture[-SIDE - MARGIN : -MARGIN, left + SCALE_WIDTH // 2].sum(axis=-1)
    assert scale[0] > 600 > 100 > scale[-1]
    assert (np.diff(scale) <= 3).all()
    numbers = picture[-SIDE - MARGIN : -MARGIN, left + SCALE_WIDTH + 2 : left + SCALE_WIDTH + 40]
    assert (numbers.min(axis=-1) > 90).any(axis=1).sum() > 15


def test_bars_of_the_weights() -> None:
    for count in (10, 2000):
        weights = np.zeros(count, np.float32)
        weights[: count // 2] = 1
        weights[-1] = 0.5
        picture = strip("frame 2", FRAME, prediction(), {"sample_weights": weights})
        heights = (picture == BAR).all(axis=-1).sum(axis=0)
        full = heights.max()
        columns = np.flatnonzero(heights == full)
        half = np.flatnonzero(heights)[-1]
        assert 150 < full < SIDE
        assert heights[half] == pytest.approx(full / 2, abs=1)
        assert np.ptp(columns) == pytest.approx((half - columns[0]) / 2, abs=3)


def test_diverged_values_are_drawn_too() -> None:
    boxes = np.tile(np.array([100, 100, 40, 40], np.float32), (3, 4, 1))
    boxes[2, 0] = np.nan
    boxes[2, 1] = (1e30, -1e30, 1e30, 1e30)
    boxes[2, 2, 2:] = -5
    energies = np.zeros((3, 4), np.float32)
    energies[1, 3] = np.inf
    scores = np.full((19, 19), np.nan, np.float32)
    seen = {
        "search_crop": np.full((3, 288, 288), np.nan, np.float32),
        "candidate_boxes": boxes,
        "candidate_energies": energies,
        "score_map": scores,
        "windowed_score_map": scores - 1,
        "sample_weights": np.full(50, np.nan, np.float32),
        "filter_change": np.float32(np.nan),
    }
    nowhere = Prediction(
        (-1.0, -1.0, -1.0, -1.0), float("nan"), "not_found", (0.0, 0.0, 50.0, 50.0)
    )
    picture = strip("frame 2   a", FRAME, nowhere, seen)  # type: ignore[arg-type]
    assert picture.shape == (HEIGHT, WIDTH, 3)
    seen["candidate_boxes"] = np.full_like(boxes, np.nan)
    assert strip("frame 2   a", FRAME, nowhere, seen).shape == (HEIGHT, WIDTH, 3)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(360, 640), (2000, 40), (40, 2000), (8, 8)])
def test_frames_of_any_shape(shape: tuple[int, int]) -> None:
    frame = np.full((*shape, 3), (200, 40, 30), np.uint8)
    picture = strip("frame 2", frame, prediction("not_found"), {})
    assert picture.shape == (HEIGHT, WIDTH, 3)
    rows, columns = np.nonzero(np.abs(picture.astype(int) - (200, 40, 30)).max(axis=-1) < 6)
    assert max(np.ptp(rows) + 1, np.ptp(columns) + 1) >= SIDE - 12
    assert np.ptp(columns) < FRAME_WIDTH[1]


def test_closer_view() -> None:
    assert area_around(np.array([[100, 100, 40, 40.0]], np.float32), 288) == (96, 96, 48)
    left, top, side = area_around(
        np.array([[[-10, 250, 40, 40.0]], [[0, 260, 50, 30]]], np.float32), 288
    ) or (0, 0, 0)
    assert (left, top + side) == (0, 288), "it stays within the crop"
    assert area_around(np.array([[10, 10, 200, 40.0]], np.float32), 288) is None
