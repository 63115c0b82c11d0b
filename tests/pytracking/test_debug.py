"""Strips of pictures: what is written and what is left out, how it looks, and that tracking takes no notice."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from ltr.errors import ConfigError, ResultError
from ltr.images import Frame
from ltr.models.folding import InferenceNet, fold
from pytracking.debug.panels import (
    BAR,
    FRAME_WIDTH,
    HEIGHT,
    MARGIN,
    SCALE_WIDTH,
    SIDE,
    WIDTH,
    area_around,
    strip,
)
from pytracking.debug.strips import Strips
from pytracking.sinks.palette import PALETTE, TargetColours
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.observer import Observer
from pytracking.tracker.prediction import Prediction, Status
from pytracking.tracker.presets import preset_named
from pytracking.tracker.state import concatenate

FRAME = np.full((90, 160, 3), 90, np.uint8)
MAP = np.full((19, 19), -0.1, np.float32)
MAP[5, 12] = 0.8


def prediction(status: Status = "found") -> Prediction:
    return Prediction((40.0, 30.0, 20.0, 20.0), 0.8, status, (10.0, 0.0, 80.0, 80.0))


def told(observer: Observer | None, batch: int = 1) -> None:
    assert observer is not None
    observer.observe("score_map", torch.from_numpy(MAP).expand(batch, -1, -1))


def run(strips: Strips, statuses: dict[int, Status], last: int) -> list[int]:
    """Frames 1 to `last` of one target; those that had an observer."""
    seen = []
    for number in range(1, last + 1):
        if (observer := strips.observer(number)) is not None:
            told(observer)
            seen.append(number)
        if number > 1:
            strips.write(number, FRAME, ["a"], [prediction(statuses.get(number, "found"))])
    return seen


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.png"))


def listed(folder: Path) -> list[str]:
    return re.findall(r'src="([^"]*)"', (folder / "index.html").read_text(encoding="utf-8"))


def read(path: Path) -> Frame:
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


# --- with an engine


def test_two_targets_of_the_bundled_network(
    tmp_path: Path, inference_net: Callable[[str], InferenceNet]
) -> None:
    engine, clip = (
        TrackerEngine(inference_net("imagenet_mobile"), preset_named("imagenet_mobile")),
        DemoClip(0),
    )
    names = ["<b>cat</b>/1", "<b>cat</b>:1"]
    boxes = [tuple(clip.boxes_xywh[0].tolist()), (300.0, 100.0, 60.0, 50.0)]
    state = concatenate(
        [engine.start(clip.frame(0), box, name) for box, name in zip(boxes, names, strict=True)]
    )
    plain_state = state.copy()
    with Strips(tmp_path, every=1) as strips:
        for k in (1, 2):
            state, predictions = engine.step(
                state, [clip.frame(k)], observer=strips.observer(k + 1)
            )
            plain_state, plain = engine.step(plain_state, [clip.frame(k)])
            assert predictions == plain, "looking on changes nothing"
            assert torch.equal(state.filters, plain_state.filters)
            strips.write(k + 1, clip.frame(k), names, predictions)
    files = [f"{number:06d}__b_cat_b_1{end}.png" for number in (2, 3) for end in ("", "-2")]
    assert pictures(tmp_path) == sorted(files)
    assert listed(tmp_path) == files, "in order"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*files, "index.html"])
    for file in files:
        assert read(tmp_path / file).shape == (HEIGHT, WIDTH, 3)
    first, second = (read(tmp_path / file).astype(int) for file in files[:2])
    areas = slice(MARGIN + FRAME_WIDTH[1], MARGIN + FRAME_WIDTH[1] + SIDE)
    assert np.abs(first - second)[-SIDE:, areas].mean() > 10, "each target has its own search area"

    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<b>cat" not in page
    assert unescape(page).count("<b>cat</b>/1") == 2 * 2  # caption and alt
    assert page.count("frame 3</a>") == 2
    assert f"score {predictions[0].score:.2f}".replace("0.", ".") in page
    assert "box " + ", ".join(f"{v:.1f}" for v in predictions[0].box) in page
    assert f'class="status {predictions[1].status}"' in page
    assert [page.count(f"--mark: rgb{colour}") for colour in PALETTE[:3]] == [2, 2, 0]
    header = slice(0, 26)
    for picture, colour in ((first, PALETTE[0]), (second, PALETTE[1])):
        assert (np.abs(picture[header] - colour).max(axis=-1) < 25).sum() > 30, (
            "the target's colour"
        )
    assert "<script" not in page
    assert "//" not in page, "nothing from elsewhere"


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


# --- which frames


def test_frames_are_left_out(tmp_path: Path) -> None:
    with Strips(tmp_path, every=10) as strips:
        assert run(strips, {}, 35) == [2, 11, 21, 31]
    assert pictures(tmp_path) == ["000002_a.png", "000011_a.png", "000021_a.png", "000031_a.png"]
    assert listed(tmp_path) == pictures(tmp_path)


def test_a_frame_after_a_change_of_status_is_shown_but_not_every_one(tmp_path: Path) -> None:
    lost: dict[int, Status] = dict.fromkeys((14, 15, 18, 33, 41), "not_found")
    with Strips(tmp_path, every=10) as strips:
        # 14 changes, seen in 15; 16, 18 and 19 change within ten frames of that, and 21 is a strip anyway; 33 changes,
        # seen in 34; 41 is itself a strip, and back in 42, within ten frames of 34 until 44
        assert run(strips, lost, 50) == [2, 11, 15, 21, 31, 34, 41, 44]


def test_nothing_observed_nothing_written(tmp_path: Path) -> None:
    with Strips(tmp_path) as strips:
        assert strips.observer(1) is None
        assert strips.observer(2) is not None
        strips.write(2, FRAME, ["a"], [prediction()])
        told(strips.observer(11))
        strips.write(12, FRAME, ["a"], [prediction()])  # of another frame
        strips.write(11, FRAME, ["a"], [prediction()])
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert "No strip was written" in (tmp_path / "index.html").read_text()
    with pytest.raises(ConfigError) as error:
        Strips(tmp_path, every=0)
    assert str(error.value) == "a strip every 0 frames cannot be written: give 1 or more"


def test_names_that_would_be_one_file(tmp_path: Path) -> None:
    names = [
        "a b",
        "a_b",
        "A/b",
        "a_b-2",
        "a b",
        "",
        "\N{CAT}",
        "../x",
        "long" * 100,
        "long" * 101,
        "\udcff",
    ]
    with Strips(tmp_path, every=1) as strips:
        for number in (2, 3):
            order = names if number == 2 else names[::-1]
            told(strips.observer(number), len(names))
            strips.write(number, FRAME, order, [prediction()] * len(names))
    files = pictures(tmp_path)
    assert len({name.lower() for name in files}) == 2 * len(names)
    assert sorted(listed(tmp_path)) == files
    assert {name[7:] for name in files[: len(names)]} == {name[7:] for name in files[len(names) :]}
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,80}", name) for name in files)


# --- files


@pytest.mark.parametrize("end", [RuntimeError, KeyboardInterrupt])
def test_index_is_written_whatever_ends_the_run(tmp_path: Path, end: type[BaseException]) -> None:
    def interrupted() -> None:
        with Strips(tmp_path, every=1) as strips:
            assert listed(tmp_path) == []
            run(strips, {}, 24)
            assert listed(tmp_path) == pictures(tmp_path)[:21], (
                "after the first, and after twenty more"
            )
            raise end

    with pytest.raises(end):
        interrupted()
    assert listed(tmp_path) == pictures(tmp_path)
    assert len(pictures(tmp_path)) == 23


def test_folders_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ResultError) as error, Strips(tmp_path / "file" / "strips"):
        pass
    assert str(error.value) == f"cannot make folder {tmp_path / 'file' / 'strips'}: Not a directory"
    blocked = tmp_path / "blocked"
    (blocked / "index.html").mkdir(parents=True)
    with pytest.raises(ResultError) as error, Strips(blocked):
        pytest.fail("told before anything is tracked")
    assert str(error.value) == f"cannot write page {blocked / 'index.html'}: Is a directory"


def test_picture_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "000002_a.png").mkdir()
    with pytest.raises(ResultError) as error, Strips(tmp_path) as strips:
        run(strips, {}, 2)
    assert str(error.value) == f"cannot write picture {tmp_path / '000002_a.png'}: Is a directory"
    assert listed(tmp_path) == []


def test_the_first_error_is_the_one_to_be_told_of(tmp_path: Path) -> None:
    def failing() -> None:
        with Strips(tmp_path):
            (tmp_path / "index.html").unlink()
            (tmp_path / "index.html").mkdir()
            raise RuntimeError("first")

    with pytest.raises(RuntimeError, match="first"):
        failing()


# --- pictures


def test_values_are_copied_when_they_are_observed(tmp_path: Path) -> None:
    strips, value = Strips(tmp_path), torch.zeros(1, 4)
    observer = strips.observer(2)
    assert observer is not None
    observer.observe("sample_weights", value)
    observer.observe("something_else", value)
    value += 1
    assert strips._seen is not None
    assert list(strips._seen.values) == ["sample_weights"]
    assert strips._seen.of(0)["sample_weights"].tolist() == [0, 0, 0, 0]


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


def test_colours_are_those_of_the_run(tmp_path: Path) -> None:
    colours = TargetColours()
    assert [colours[name] for name in ("x", "b")] == list(PALETTE[:2])
    with Strips(tmp_path, every=1, colours=colours) as strips:
        told(strips.observer(2), 2)
        strips.write(2, FRAME, ["b", "x"], [prediction()] * 2)
    for name, colour in (("b", PALETTE[1]), ("x", PALETTE[0])):
        picture = read(tmp_path / f"000002_{name}.png").astype(int)
        box = picture[-SIDE - MARGIN :, MARGIN : MARGIN + FRAME_WIDTH[1]]
        assert (np.abs(box - colour).max(axis=-1) < 25).sum() > 100


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
