"""The page of the whole run: curves, statuses, and which frame each sample in memory came from."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from observed_step import prediction

from ltr.errors import ResultError
from ltr.images import Frame
from ltr.models.folding import InferenceNet
from pytracking.debug.charts import COLUMNS, line_chart, status_ribbon
from pytracking.debug.history import History
from pytracking.debug.run_page import PAGE, RunPage
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Prediction, Status
from pytracking.tracker.presets import preset_named

GREY = np.full((90, 160, 3), 90, np.uint8)


def step(page: RunPage, number: int, slot: int, weights: list[float], level: int = 200) -> None:
    """One frame of target a, its search area a plain grey of this level."""
    observer = page.observer(number)
    assert observer is not None
    observer.observe("search_crop", torch.full((1, 3, 80, 80), float(level)))
    observer.observe("stored_slot", torch.tensor([slot]))
    observer.observe("sample_weights", torch.tensor([weights]))
    page.write(number, GREY, ["a"], [prediction()], 0.02)


def samples(folder: Path) -> list[tuple[str, str, int]]:
    """Of the page's thumbnails: where they lie, what is said, and how bright they are."""
    page = (folder / PAGE).read_text(encoding="utf-8")
    found = re.findall(
        r'<figure title="([^"]*)"><img src="data:image/jpeg;base64,([^"]*)".*?<figcaption>(.*?)</fig',
        page,
    )
    shown = []
    for where, coded, words in found:
        data = np.frombuffer(base64.b64decode(coded), np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
        shown.append((where, re.sub("<[^>]*>", "", words), round(float(picture.mean()))))
    return shown


def test_samples_by_the_frame_they_came_from(tmp_path: Path) -> None:
    with RunPage(tmp_path) as page:
        page.begin(1, GREY, {"a": (40.0, 30.0, 20.0, 20.0)})
        step(page, 2, 2, [0.4, 0.4, 0.2, 0, 0], 120)
        step(page, 3, -1, [0.4, 0.4, 0.2, 0, 0], 140)
        step(page, 4, 3, [0.3, 0.3, 0.2, 0.2, 0], 160)
        step(page, 5, 2, [0.25, 0.25, 0.25, 0.25, 0], 180)
        assert samples(tmp_path)[1:] == [("slot 2", "2 20.0 %", 120)], "after the first frame"
    assert samples(tmp_path) == [
        ("slots 0 to 1", "1 2 x 25.0 %", 90),
        ("slot 3", "4 25.0 %", 160),
        ("slot 2", "5 25.0 %", 180),
    ]
    assert "4 samples in 5 slots, from 3 frames" in (tmp_path / PAGE).read_text()


def test_the_engine_tells_which_frames_are_in_memory(
    tmp_path: Path, inference_net: Callable[[str], InferenceNet]
) -> None:
    engine, clip = (
        TrackerEngine(inference_net("imagenet_mobile"), preset_named("imagenet_mobile")),
        DemoClip(0),
    )
    box = tuple(clip.boxes_xywh[0].tolist())
    state = engine.start(clip.frame(0), box)
    plain = state.copy()
    with RunPage(tmp_path) as page:
        page.begin(1, clip.frame(0), {"target": box})
        for k in range(1, 4):
            frame: Frame = clip.frame(k)
            state, predictions = engine.step(state, [frame], observer=page.observer(k + 1))
            page.write(k + 1, frame, ["target"], predictions)
            plain, unseen = engine.step(plain, [frame])
            assert predictions == unseen
    found = samples(tmp_path)
    assert [words.split()[0] for _, words, _ in found] == ["1", "2", "3", "4"]
    assert found[0][0] == f"slots 0 to {engine.preset.first_frame.count - 1}"
    assert abs(found[0][2] - found[1][2]) < 4, "the first frame's is cut where the next is"
    text = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "http" not in text
    assert "<b>tracker</b>" not in text, "seconds that are not known have no chart"


def test_a_target_that_begins_again_and_names_that_are_no_markup(tmp_path: Path) -> None:
    with RunPage(tmp_path) as page:
        for number in (1, 3):
            page.begin(number, GREY, {"a": (40.0, 30.0, 20.0, 20.0), "<b>": (1.0, 1.0, 9.0, 9.0)})
            step(page, number + 1, 2, [0.4, 0.4, 0.2])
    text = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert [words for _, words, _ in samples(tmp_path)] == ["3 2 x 40.0 %", "4 20.0 %"]
    assert "frame 4" in text
    assert text.count("<section") == 1, "a target that was never tracked is not shown"
    assert '<h2 class="target"><b>' not in text


def test_a_page_that_cannot_be_written_is_told_before_anything_is_tracked(tmp_path: Path) -> None:
    (tmp_path / PAGE).mkdir()
    with pytest.raises(ResultError) as error, RunPage(tmp_path):
        pytest.fail("told late")
    assert str(error.value) == f"cannot write page {tmp_path / PAGE}: Is a directory"


def points(chart: str) -> list[list[float]]:
    return [
        [float(v) for v in pair.split()]
        for pair in re.findall(r"[ML]([\d.e+-]+ [\d.e+-]+)", chart.partition('class="one"')[2])
    ]


def test_a_line_over_the_frames() -> None:
    chart = line_chart([11, 12, 13, 14], [("one", np.array([0, 0.5, np.nan, 2.0]))], (11, 14), 0.0)
    assert points(chart) == [[0.5, 100], [1.5, 75], [3.5, 0]]
    assert chart.count("M") == 2 + 1, "a gap, and the rule at 1"
    assert re.findall(r"top:(\d+)%\">([\d.]+)", chart) == [
        ("100", "0.00"),
        ("50", "1.00"),
        ("0", "2.00"),
    ]


def test_long_lines_keep_their_peaks() -> None:
    values = np.zeros(100_000)
    values[54_321] = 1
    shown = points(line_chart(range(1, 100_001), [("one", values)], (1, 100_000)))
    assert len(shown) == 2 * COLUMNS
    assert min(y for _, y in shown) == 0
    assert [x for x, y in shown if y == 0] == [pytest.approx(54_321, abs=200)]


def test_statuses_as_bars_and_the_worst_of_each_column() -> None:
    statuses: list[Status] = ["found", "found", "not_found", "uncertain", "uncertain"]
    ribbon = status_ribbon([2, 4, 6, 8, 10], statuses, (2, 10))
    assert re.findall('rect class="(.*?)" x="(.*?)" y="(.*?)" width="(.*?)"', ribbon) == [
        ("found", "0", "66", "4"),
        ("not_found", "4", "0", "2"),
        ("uncertain", "6", "44", "3"),
    ]
    assert "frames 2 to 5: found" in ribbon
    many: list[Status] = ["found"] * 100_000
    many[50_000] = "not_found"
    ribbon = status_ribbon(range(1, 100_001), many, (1, 100_000))
    assert ribbon.count("<rect") == 3
    assert "not found" in ribbon


def test_a_history_keeps_the_newest() -> None:
    history = History(limit=2)
    for number in (2, 3, 4):
        history.add(number, prediction(), math.nan)
    gone = Prediction((-1.0, -1.0, -1.0, -1.0), 0.1, "not_found", (0.0, 0.0, 9.0, 9.0))
    history.add(5, gone, 0.5)
    assert list(history.numbers) == [4, 5]
    assert history.scores().tolist() == [0.8, 0.1]
    np.testing.assert_array_equal(history.sizes_wh(), [[20, 20], [np.nan, np.nan]])
    np.testing.assert_array_equal(history.seconds(), [np.nan, 0.5])
