"""Strips of pictures: what is written and what is left out, and that tracking takes no notice."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from observed_step import FRAME, prediction, told

from ltr.errors import ConfigError, ResultError
from ltr.images import Frame
from ltr.models.folding import InferenceNet
from pytracking.debug.panels import HEIGHT, MARGIN, WIDTH
from pytracking.debug.pictures import FRAME_WIDTH, SIDE
from pytracking.debug.strips import Strips
from pytracking.sinks.palette import PALETTE, TargetColours
from pytracking.sources.demo_clip import DemoClip
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Status
from pytracking.tracker.presets import preset_named
from pytracking.tracker.state import concatenate


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
