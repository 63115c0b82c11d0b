"""What is drawn over frames: boxes, names, scores, trails."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from colours import flat, near

from ltr.drawing import short
from pytracking.sinks.overlays import Overlay, draw_box, draw_boxes
from pytracking.sinks.palette import FIRST_COLOUR, PALETTE
from pytracking.tracker.prediction import STATUSES, Box, Prediction, Spread, Status

AREA: Box = (200.0, 50.0, 280.0, 260.0)


def test_overlay_is_a_new_frame_changed_near_the_box_only() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (360, 640, 3), dtype=np.uint8)
    before = frame.copy()
    box: Box = (300.3, 150.7, 80.0, 60.0)
    drawn = draw_box(frame, Prediction(box, 0.87, "found", AREA))
    assert np.array_equal(frame, before)
    changed = (drawn != before).any(axis=-1)
    assert changed.any()
    changed[148 - 30 : 215, 296 : 385 + 20] = False  # with the label above; no search area
    assert not changed.any()
    inside = (drawn != before)[160:200, 310:370]
    assert not inside.any()
    # the box's left edge, in the middle of its height, has the colour of the target
    assert np.abs(drawn[190, 299:302].astype(int) - FIRST_COLOUR).sum(axis=-1).min() < 30


def test_overlay_shows_the_true_box() -> None:
    frame = flat((90, 90, 90), 360, 640)
    found = Prediction((300.0, 150.0, 80.0, 60.0), 0.1, "found", AREA)
    true_box: Box = (320.0, 170.0, 80.0, 60.0)
    truth, without = draw_box(frame, found, true_box), draw_box(frame, found)
    rows, columns = np.nonzero((truth != without).any(axis=-1))
    assert [rows.min(), rows.max()] == pytest.approx([169, 230], abs=2)
    assert [columns.min(), columns.max()] == pytest.approx([319, 400], abs=2)


def test_bars_show_the_spread() -> None:
    """Of x and y from the left and upper edge, of w and h from the box's corner; nothing else."""
    frame, box = flat((90, 90, 90), 360, 640), (300.0, 150.0, 80.0, 60.0)
    low, high = (290.0, 146.0, 70.0, 54.0), (305.0, 160.0, 100.0, 62.0)
    sure = Prediction(box, 0.1, "found", AREA)
    spread = Spread((1.0, 1, 1, 1), low, high)
    with_bars = draw_box(frame, Prediction(box, 0.1, "found", AREA, spread))
    changed = (with_bars != draw_box(frame, sure)).any(axis=-1)
    rows, columns = np.nonzero(changed[170:190])
    assert [columns.min(), columns.max()] == pytest.approx([290, 400], abs=3)
    assert not changed[170:190, 312:364].any()
    rows, columns = np.nonzero(changed[:, 330:350])
    assert [rows.min(), rows.max()] == pytest.approx([146, 212], abs=3)
    changed[170:190, 286:404] = changed[142:216, 330:350] = False
    assert not changed.any()


def test_the_line_says_the_status() -> None:
    """Along the left edge, of 100 pixels: how many have the target's colour, in how many strokes."""
    frame, shares, counts = flat((0, 0, 0), 360, 640), {}, {}
    for status in STATUSES:
        drawn = draw_box(frame, Prediction((300.0, 150.0, 120.0, 100.0), 0.5, status, AREA))
        edge = near(drawn[150:250, 298:302], FIRST_COLOUR).any(axis=1)
        shares[status] = edge.mean()
        counts[status] = np.count_nonzero(np.diff(edge.astype(int)) == 1) + int(edge[0])
    assert shares["found"] > 0.95
    assert 0.5 < shares["uncertain"] < 0.8
    assert 0.1 < shares["not_found"] < shares["hard_negative"] < 0.75
    assert counts["found"] == 1
    assert 4 <= counts["uncertain"] < counts["hard_negative"] < counts["not_found"]
    assert len(set(shares.values())) == 4


def test_a_target_keeps_its_colour() -> None:
    """Also when those before it are gone, and from the first frame on."""
    frame = flat((0, 0, 0), 360, 640)
    boxes: dict[str, Box] = {
        str(k): (70.0 * k + 20, 150.0, 40.0, 60.0) for k in range(len(PALETTE) + 1)
    }
    overlay = Overlay(25.0)
    first = overlay.first(1, frame, boxes)
    last = dict(list(boxes.items())[3:])
    later = overlay.next(
        2, frame, {name: Prediction(box, 0.5, "found", AREA) for name, box in last.items()}
    )
    for k, (name, (x, *_)) in enumerate(boxes.items()):
        edge = slice(round(x) - 2, round(x) + 2)
        colour = PALETTE[k % len(PALETTE)]
        assert near(first[170:190, edge], colour).any(axis=1).all(), name
        assert near(later[170:190, edge], colour).any() == (name in last)


def test_trail_of_the_last_centres() -> None:
    frame = flat((0, 0, 0), 360, 640)
    overlay, without = Overlay(25.0, trail=10), Overlay(25.0)
    for k in range(30):
        found = {"target": Prediction((20.0 * k, 100.5, 9.0, 80.0), 0.5, "found", AREA)}
        drawn = overlay.next(k + 2, frame, found)
        plain = without.next(k + 2, frame, found)
    rows, columns = np.nonzero((drawn != plain).any(axis=-1))
    assert [rows.min(), rows.max()] == pytest.approx([140, 140], abs=2)
    assert [columns.min(), columns.max()] == pytest.approx([20 * 20 + 4, 29 * 20 + 4], abs=6)
    assert (drawn[140, 420:560, 2] > 150).all()


def test_number_and_time_stand_in_the_corner(monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[str] = []
    put_text = cv2.putText
    monkeypatch.setattr(cv2, "putText", lambda *a: (words.append(a[1]), put_text(*a)))
    box: Box = (2.0, 2.0, 30.0, 30.0)  # its label would lie there
    found = Prediction(box, 0.5, "not_found", AREA)
    drawn = Overlay(25.0).next(1877, flat((0, 0, 0), 360, 640), {"left": found})
    assert words == ["frame 1877   1:15.04", "left not found  .50"]
    assert (drawn[:20, :110].min(axis=-1) > 200).sum() > 100
    Overlay(25.0).next(1, flat((0, 0, 0), 360, 640), {"target": found})
    Overlay(25.0).first(1, flat((0, 0, 0), 360, 640), {"target": box})
    assert words[2:] == ["frame 1   0:00.00", "not found  .50", "frame 1   0:00.00", "given"]


@pytest.mark.parametrize(
    "box", [(-1e7, -1e7, 3e7, 3e7), (600.0, 340.0, 80.0, 60.0), (-50.0, -40.0, 60.0, 50.0)]
)
@pytest.mark.parametrize("status", STATUSES)
def test_overlay_of_boxes_beyond_the_frame(box: Box, status: Status) -> None:
    frame = flat((90, 90, 90), 360, 640)
    drawn = draw_box(frame, Prediction(box, -0.02, status, box))
    assert drawn.shape == frame.shape
    assert (drawn != frame).any()  # the label at the least


def test_overlay_scales_with_the_frame() -> None:
    widths = []
    for lines in (480, 1080):
        frame = flat((0, 0, 0), lines, lines)
        box: Box = (lines / 4, lines / 4, lines / 2, lines / 2)
        drawn = draw_box(frame, Prediction(box, 0.5, "found", AREA))
        widths.append(int((drawn[lines // 2, : lines // 2].max(axis=-1) > 128).sum()))
    assert 2 <= widths[0] <= 4  # anti-aliasing widens lines a little
    assert 5 <= widths[1] <= 8


@pytest.mark.parametrize(
    ("shape", "drawn_shape"),
    [
        ((96, 128), (384, 512)),
        ((128, 96), (512, 384)),
        ((8, 8), (480, 480)),
        ((479, 10), (958, 20)),
        ((480, 270), (480, 270)),
        ((270, 480), (270, 480)),
    ],
)
def test_tiny_frames_are_enlarged(shape: tuple[int, int], drawn_shape: tuple[int, int]) -> None:
    """The box with them, to the pixel."""
    frame = flat((90, 90, 90), *shape)
    frame[shape[0] // 4 : shape[0] // 2, shape[1] // 4 : shape[1] // 2] = 200
    box: Box = (shape[1] // 4, shape[0] // 4, shape[1] // 4, shape[0] // 4)
    drawn = draw_box(frame, Prediction(box, 0.5, "found", AREA))
    assert drawn.shape == (*drawn_shape, 3)
    rows, columns = np.nonzero(near(drawn, (200, 200, 200)))
    times = drawn_shape[0] / shape[0]
    for lines, start, side in ((rows, box[1], box[3]), (columns, box[0], box[2])):
        if side > 20 and min(shape) > 20:  # else label and line cover it
            edges = [times * start, times * (start + side)]
            assert [lines.min(), lines.max() + 1] == pytest.approx(edges, abs=4.5)


def test_names_that_cannot_be_drawn() -> None:
    frame = flat((0, 0, 0), 360, 640)
    names = ("\N{CAT}", "\udcff", "a\nb", "long" * 100)
    found = {
        n: Prediction((9.0, 90.0 * k, 9.0, 9.0), 0.5, "found", AREA) for k, n in enumerate(names)
    }
    assert draw_boxes(frame, found).shape == frame.shape


def test_short_scores() -> None:
    assert [short(score) for score in (0.874, -0.02, 1.0, 0.999, 0.0)] == [
        ".87",
        "-.02",
        "1.00",
        "1.00",
        ".00",
    ]


def test_targets_that_begin_are_drawn_beside_those_that_are_tracked() -> None:
    frame = flat((90, 90, 90), 360, 640)
    left = Prediction((100.0, 150.0, 80.0, 60.0), 0.9, "found", AREA)
    right: Box = (400.0, 150.0, 80.0, 60.0)
    overlay = Overlay(25.0)
    drawn = overlay.picture("", frame, {"left": left}, {"right": right})
    assert near(drawn[150:210, 98:103], PALETTE[0]).any()
    assert near(drawn[150:210, 398:403], PALETTE[1]).any()
    again = overlay.picture("", frame, {"left": left, "right": left}, {"right": right})
    assert np.array_equal(drawn, again), "a box that is given counts for more than one predicted"
