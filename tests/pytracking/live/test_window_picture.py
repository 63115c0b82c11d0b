"""The picture of the window: what lies where, and what is said in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shown_views import view_of

from ltr.images import Frame
from pytracking.live import window_picture
from pytracking.live.keys import Desk, Drag
from pytracking.live.tiles import Tile, grid
from pytracking.live.views import View
from pytracking.live.window_picture import ALARM, WindowPicture
from pytracking.live.words import statement
from pytracking.sinks.palette import PALETTE
from pytracking.sources.feed import Condition

BOX = (100.0, 100.0, 80.0, 60.0)
DESK = Desk("cam")


def drawn(*views: View | None, desk: Desk = DESK, message: str = "") -> Frame:
    shown = {view.source if view else "none": view for view in views}
    return WindowPicture().draw(shown, desk, message)[0]


def has(picture: Frame, colour: tuple[int, int, int]) -> bool:
    return bool((np.abs(picture.astype(int) - colour).max(axis=-1) < 12).any())


def test_the_number_of_columns() -> None:
    assert [grid(count) for count in (1, 2, 3, 4, 5, 9)] == [
        (1, 1),
        (2, 1),
        (2, 2),
        (2, 2),
        (3, 2),
        (3, 3),
    ]


@pytest.mark.parametrize("shape", [(360, 640), (1080, 1920), (120, 160), (700, 300)])
def test_a_tile_lies_where_its_picture_is(shape: tuple[int, int]) -> None:
    """The corner of a box that is drawn is found where its tile says."""
    box = (shape[1] / 2, shape[0] / 2, shape[1] / 4, shape[0] / 4)
    views = {"other": view_of("other"), "cam": view_of("cam", {"left": box}, shape=shape)}
    picture, scene = WindowPicture().draw(views, Desk("cam"))
    tile = scene.tiles[1]
    assert tile.width <= 640, "half of the window's width"
    x, y = map(round, tile.in_window((box[0] + box[2] / 4, box[1])))
    assert has(picture[y - 2 : y + 3, x - 2 : x + 3], PALETTE[0])
    assert tile.in_frame(tile.in_window((12.5, 20.0))) == pytest.approx((12.5, 20.0))


def test_several_sources_do_not_cover_each_other() -> None:
    views = {name: view_of(name, shape=(720, 1280)) for name in "abcd"}
    picture, scene = WindowPicture().draw(views, Desk("a"))
    covered = np.zeros(picture.shape[:2], int)
    for tile in scene.tiles:
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
    assert covered.max() == 1
    assert covered.sum() == 4 * 640 * 360


def test_recording_pause_and_faults_are_seen() -> None:
    view = view_of("cam", {"left": BOX})
    plain = drawn(view)
    assert not has(plain, ALARM)
    recording = drawn(replace(view, recording=Path("outputs")))
    assert has(recording[-40:], ALARM)
    stalled = drawn(replace(view, condition=Condition("stalled", "no frame for 2 s")))
    assert has(stalled[330:360], ALARM)
    ended = drawn(replace(view, condition=Condition("ended")))
    assert not has(ended, ALARM)
    for other in (
        drawn(replace(view, paused=True)),
        ended,
        drawn(view, message="wrote one.png"),
        drawn(view, desk=replace(DESK, intent="remove")),
        drawn(view, desk=replace(DESK, selected="left")),
        drawn(view, desk=replace(DESK, help=True)),
        drawn(
            view,
            desk=replace(DESK, drag=Drag(Tile("cam", view, 0, 0, 640, 360), 7, (5, 5), (90, 80))),
        ),
    ):
        assert (plain != other).any()


def test_who_is_paused_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(
        window_picture, "put", lambda _, words, left, *__, **___: said.append(words) or left
    )

    def line(*views: View | None) -> str:
        said.clear()
        drawn(*views)
        return " ".join(words for words in said if words.startswith("PAUSED"))

    camera, clip = view_of("cam", {"left": BOX}), view_of("clip")
    assert line(camera, clip) == ""
    assert line(camera, replace(clip, paused=True)) == "PAUSED clip"
    assert line(replace(camera, paused=True), replace(clip, paused=True)) == "PAUSED"
    assert "1: left" in said, "a number, and no count"


def test_the_search_area_and_the_score_map_are_shown_beside() -> None:
    seen = {
        "score_map": np.eye(18, dtype=np.float32),
        "search_crop": np.zeros((3, 288, 288), np.float32),
    }
    view = view_of("cam", {"left": BOX}, seen=seen)
    plain, shown = drawn(view), drawn(view, desk=replace(DESK, insight=True))
    assert shown.shape[1] > plain.shape[1] + 230
    edge = np.s_[48:53, 60:90]
    assert shown[edge].max() > plain[edge].max() + 50, "the upper edge of the search area"
    waiting = drawn(replace(view, seen=None), desk=replace(DESK, insight=True))
    assert waiting.shape[1] > plain.shape[1], "it is said that they are to come"


@pytest.mark.parametrize("count", [1, 2])
def test_the_window_is_no_wider_for_what_is_beside(count: int) -> None:
    seen = {
        "score_map": np.eye(18, dtype=np.float32),
        "search_crop": np.zeros((3, 288, 288), np.float32),
    }
    views = [view_of(str(k), {"left": BOX}, shape=(720, 1280), seen=seen) for k in range(count)]
    for desk in (replace(DESK, insight=True), DESK):
        assert 1280 - 8 <= drawn(*views, desk=desk).shape[1] <= 1280 + 8


def test_a_source_without_a_frame_and_one_without_targets() -> None:
    assert drawn(None).shape[0] > 360
    nothing = view_of("cam")
    assert not has(drawn(nothing, desk=replace(DESK, insight=True)), PALETTE[0])


def test_a_line_of_a_source() -> None:
    view = view_of("cam", {"left": BOX}, given={"right": BOX}, recording=Path("out/1"))
    assert statement(view) == (
        "cam: frame 7  24.9 frames/s, tracker 31.2  left found .90  right given  recording to out/1"
    )
    stalled = replace(view_of("cam"), paused=True, condition=Condition("stalled", "no frame"))
    assert statement(stalled) == (
        "cam: frame 7  24.9 frames/s, tracker 31.2  paused  stalled no frame"
    )
