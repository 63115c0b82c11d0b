"""The picture of the window: sources side by side with their overlays, what the tracker sees beside
them, and lines below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ltr.drawing import DARK, LIGHT, Colour, measured, outline, put, shortened
from ltr.images import Frame
from pytracking.debug.panels import score_map, search_area
from pytracking.live.keys import KEYS, Desk, Scene, watched
from pytracking.live.tiles import Tile, grid, tiles
from pytracking.live.words import speed_of
from pytracking.sinks.display import LARGEST, fitted
from pytracking.sinks.overlays import Overlay
from pytracking.sinks.palette import FIRST_COLOUR, TRUTH, TargetColours

if TYPE_CHECKING:
    from pytracking.live.views import View

EMPTY, EMPTY_COLOUR = (360, 640), (36, 42, 50)
"""Height, width and colour of the picture of a source of which nothing came."""
GAP, MARGIN = 6, 8
LINE = 24
"""Pixels of a line of text."""
TEXT, SMALL = 0.5, 0.42
"""Sizes of text, of OpenCV's."""
INK: Colour = (226, 232, 240)
FAINT: Colour = (148, 158, 170)
ALARM: Colour = (235, 80, 70)
ADVICE = {
    "": "drag a box around a target, h shows the keys",
    "add": "add: drag a box around the target, Esc gives up",
    "remove": "remove: click the target or press its number, Esc gives up",
}


class WindowPicture:
    """Draws the window, and remembers where labels lie."""

    def __init__(self) -> None:
        self._overlays: dict[str, Overlay] = {}

    def draw(
        self, views: Mapping[str, View | None], desk: Desk, message: str = ""
    ) -> tuple[Frame, Scene]:
        """The picture (H, W, 3), RGB, and what lies where in it. views: the newest of each source;
        where a box is being drawn, the one that it is drawn in is shown. message: the last thing
        that is to be said."""
        shown = dict(views)
        if desk.drag:
            shown[desk.drag.tile.source] = desk.drag.tile.view
        columns, rows = grid(len(shown))
        panels = _panels(scene_of(tiles(list(shown.items()), [(1, 1)] * len(shown), GAP)), desk)
        room = ((LARGEST[0] - (panels.width if panels else 0)) // columns, LARGEST[1] // rows)
        pictures = [self._source(source, view, desk, room) for source, view in shown.items()]
        sizes = [(picture.shape[1], picture.shape[0]) for picture in pictures]
        scene = scene_of(tiles(list(shown.items()), sizes, GAP))
        image = _sheet(scene.tiles, panels)
        for tile, picture in zip(scene.tiles, pictures, strict=True):
            image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] = picture
            _condition(image, tile)
        _beside(image, scene.tiles, panels)
        if desk.drag:
            (x, y), (u, v) = desk.drag.start, desk.drag.end
            outline(image, (min(x, u), min(y, v), abs(u - x), abs(v - y)), LIGHT, 2)
        if desk.help:
            _help(image)
        _lines(image, scene, desk, message)
        return image, scene

    def _source(self, source: str, view: View | None, desk: Desk, room: tuple[int, int]) -> Frame:
        """One source with its overlay, as large as there is room."""
        if view is None:
            image = fitted(np.full((*EMPTY, 3), EMPTY_COLOUR, np.uint8), room)[0]
            put(image, f"{source}   no frame yet", MARGIN, LINE, INK, TEXT, image.shape[1])
            return image
        overlay = self._overlays.setdefault(source, Overlay(0.0, colours=TargetColours()))
        overlay.colours.update(view.colours)
        caption = f"{source}   frame {view.shot.number}   {speed_of(view)}"
        frame = view.shot.frame
        picture = overlay.picture(caption, frame, view.predictions, view.given)
        by = picture.shape[1] / frame.shape[1]
        chosen = view.predictions.get(desk.selected or "")
        if chosen:
            x, y, w, h = (by * value for value in chosen.box)
            outline(picture, (x - 5, y - 5, w + 10, h + 10), LIGHT, 1)
        if desk.insight:
            for prediction in view.predictions.values():
                outline(picture, tuple(by * v for v in prediction.search_area), TRUTH, 1)
        return fitted(picture, room)[0]


def scene_of(placed: Sequence[Tile]) -> Scene:
    """What the person sees."""
    views = [tile.view for tile in placed if tile.view]
    return Scene(placed, any(v.paused for v in views), any(v.recording for v in views))


@dataclass(frozen=True)
class _Panels:
    """What the tracker sees of a target, one picture above the other."""

    title: str
    pictures: Mapping[str, Frame]

    @property
    def width(self) -> int:
        """Pixels beside the sources."""
        shapes = [picture.shape for picture in self.pictures.values()]
        return 2 * MARGIN + max([240, *(shape[1] for shape in shapes)])


def _panels(scene: Scene, desk: Desk) -> _Panels | None:
    chosen = watched(desk, scene)
    if not chosen:
        return None
    source, name = chosen
    view = next(tile.view for tile in scene.tiles if tile.source == source)
    prediction = view.predictions.get(name) if view else None
    if view is None or prediction is None or not view.seen:
        return _Panels(f"{name}: with the next frame", {})
    colour = view.colours.get(name, FIRST_COLOUR)
    both = (search_area(view.shot.frame, prediction, view.seen, colour), score_map(view.seen))
    return _Panels(name, {panel.title: panel.picture for panel in both if panel})


def _sheet(placed: Sequence[Tile], panels: _Panels | None) -> Frame:
    """An empty picture with room for all of it."""
    width = max(tile.left + tile.width for tile in placed)
    height = max(tile.top + tile.height for tile in placed)
    if panels:
        width += panels.width
        shapes = [picture.shape for picture in panels.pictures.values()]
        height = max(height, LINE + sum(LINE + shape[0] for shape in shapes))
    # a row at a time: filling by pixels takes longer than all the rest
    row = np.full((1, width, 3), DARK, np.uint8)
    return np.repeat(row, height + 2 * LINE + MARGIN, axis=0)


def _beside(image: Frame, placed: Sequence[Tile], panels: _Panels | None) -> None:
    if not panels:
        return
    left = max(tile.left + tile.width for tile in placed) + MARGIN
    put(image, panels.title, left, LINE - MARGIN, INK, TEXT, image.shape[1] - left)
    top = LINE
    for title, picture in panels.pictures.items():
        put(image, title, left, top + LINE - MARGIN, FAINT, SMALL, image.shape[1] - left)
        top += LINE
        image[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
        top += picture.shape[0]


def _condition(image: Frame, tile: Tile) -> None:
    """What is wrong with a source, over the lower border of its picture."""
    condition = tile.view.condition if tile.view else None
    if condition is None or condition.word == "running":
        return
    end = tile.top + tile.height
    image[end - LINE : end, tile.left : tile.left + tile.width] = DARK
    words = f"{condition.word}  {condition.line}".strip()
    ink = INK if condition.word in ("opening", "ended") else ALARM
    put(image, words, tile.left + MARGIN, end - MARGIN, ink, TEXT, tile.width - 2 * MARGIN)


def _help(image: Frame) -> None:
    """The keys, over the picture."""
    width = max(measured(keys, TEXT)[0] for keys in KEYS) + 2 * MARGIN
    room = min(
        image.shape[1], 2 * MARGIN + width + max(measured(w, TEXT)[0] for w in KEYS.values())
    )
    area = image[: LINE * len(KEYS) + MARGIN, :room]
    area[:] = area // 6
    for k, (keys, what) in enumerate(KEYS.items(), 1):
        put(image, keys, MARGIN, LINE * k - 4, LIGHT, TEXT)
        put(image, what, MARGIN + width, LINE * k - 4, INK, TEXT, room - width - 2 * MARGIN)


def _lines(image: Frame, scene: Scene, desk: Desk, message: str) -> None:
    """Two lines at the bottom: targets by number; what is to be done or was said."""
    first = image.shape[0] - LINE - MARGIN
    room = image.shape[1] - MARGIN
    left = MARGIN
    if scene.recording:
        left = put(image, "REC", left, first, ALARM, TEXT, room, bold=True) + 2 * MARGIN
    if words := _paused(scene):
        left = put(image, words, left, first, INK, TEXT, room, bold=True) + 2 * MARGIN
    for number, name in enumerate(scene.targets(), 1):
        ink = LIGHT if name == desk.selected else FAINT
        words = f"{number}: {name}"
        bold = name == desk.selected
        if left + measured(words, TEXT, bold)[0] > room:
            break
        left = put(image, words, left, first, ink, TEXT, bold=bold) + 2 * MARGIN
    words = message if message and not desk.intent else ADVICE[desk.intent]
    words = shortened(words, TEXT, room - MARGIN)
    put(image, words, MARGIN, first + LINE, FAINT, TEXT)


def _paused(scene: Scene) -> str:
    """That all stand still, or which of them do: a file waits for its first target beside a
    camera."""
    still = [tile.source for tile in scene.tiles if tile.view and tile.view.paused]
    return (
        "PAUSED"
        if still and len(still) == len(scene.tiles)
        else " ".join(f"PAUSED {source}" for source in still)
    )
