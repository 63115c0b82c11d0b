"""Labels: none covers another or leaves the picture, and words fit their room."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltr.drawing import DARK, LIGHT, PALETTE, measured, put, shortened
from pytracking.sinks.labels import cover, offset, placed
from pytracking.sinks.palette import ink_on
from pytracking.tracker.prediction import Box

PICTURE = (640, 360)
SIZE = (90, 18)


def test_above_below_beside() -> None:
    """Where a single label goes: above, below at the upper border, within where nothing else is."""
    boxes: list[Box] = [
        (100.0, 100.0, 50.0, 40.0),
        (100.0, 3.0, 50.0, 40.0),
        (-9.0, -9.0, 900.0, 900.0),
    ]
    corners = [placed([box], [SIZE], PICTURE, 3)[0][:2] for box in boxes]  # type: ignore[index]
    assert corners == [(100, 79), (100, 46), (3, 3)]
    tall = placed([(100.0, -5.0, 50.0, 400.0)], [SIZE], PICTURE, 3)
    assert tall == [(153, 0, *SIZE)]


def test_a_label_gives_way() -> None:
    """To what is taken, to labels before it, and where it can to the boxes of others."""
    box: Box = (100.0, 100.0, 50.0, 40.0)
    first = (100, 79, *SIZE)
    assert placed([box], [SIZE], PICTURE, 3) == [first]
    assert placed([box], [SIZE], PICTURE, 3, taken=[(0, 0, 640, 90)]) == [(100, 143, *SIZE)]
    assert placed([box, box], [SIZE, SIZE], PICTURE, 3)[0] == first
    above: Box = (100.0, 60.0, 50.0, 30.0)
    assert placed([box, above], [SIZE, SIZE], PICTURE, 3)[0] == (100, 143, *SIZE)


coordinates = st.floats(-200, 800)
sides = st.floats(1, 500)


@given(
    st.lists(st.tuples(coordinates, coordinates, sides, sides), min_size=1, max_size=40),
    st.lists(st.tuples(st.integers(10, 200), st.integers(8, 30)), min_size=40, max_size=40),
)
def test_no_label_covers_another_or_leaves_the_picture(
    boxes: list[Box], sizes: list[tuple[int, int]]
) -> None:
    taken = (0, 0, 150, 20)
    places = placed(boxes, sizes[: len(boxes)], PICTURE, 3, [taken])
    there = [place for place in places if place is not None]
    assert len(there) >= min(len(boxes), 20), "this picture has room for 20"
    assert not any(cover(a, b) for a, b in combinations([*there, taken], 2))
    for (left, top, w, h), size in zip(there, sizes, strict=False):
        assert left >= 0 and top >= 0 and left + w <= PICTURE[0] and top + h <= PICTURE[1]  # noqa: PT018
        if len(there) == len(boxes):
            assert (w, h) == size


def test_a_label_without_room_is_left_out() -> None:
    box: Box = (1.0, 1.0, 9.0, 9.0)
    places = placed([box] * 3, [(30, 10)] * 3, (40, 24), 2)
    assert places == [(1, 12, 30, 10), (0, 0, 30, 10), None]


def test_labels_of_eight_moving_targets_rarely_jump() -> None:
    """With the places of the frame before, against without them."""
    jumps = {True: 0, False: 0}
    for steady in jumps:
        rng = np.random.default_rng(0)
        at, sides = rng.uniform(0, 1, (8, 2)) * (540, 280), rng.uniform(30, 80, (8, 2))
        step = rng.normal(0, 1.5, (8, 2))
        last: list[tuple[int, int] | None] = [None] * 8
        for _ in range(200):
            at = at + step
            step = np.where((at < 0) | (at > np.array(PICTURE) - 60), -step, step)
            boxes: list[Box] = [(*a, *s) for a, s in zip(at.tolist(), sides.tolist(), strict=True)]
            places = placed(boxes, [SIZE] * 8, PICTURE, 3, before=last if steady else ())
            offsets = [
                offset(p, b, PICTURE) if p else None for p, b in zip(places, boxes, strict=True)
            ]
            jumps[steady] += sum(
                a is not None and b is not None and max(abs(a[0] - b[0]), abs(a[1] - b[1])) > 12
                for a, b in zip(offsets, last, strict=True)
            )
            last = offsets
    assert jumps[True] < 0.6 * jumps[False], jumps


def test_text_stays_in_its_room() -> None:
    image = np.zeros((40, 400, 3), np.uint8)
    words = "a long name\nthat \N{CAT} does not fit" * 20
    end = put(image, words, 10, 25, LIGHT, 0.45, room=120)
    columns = np.flatnonzero(image.any(axis=(0, 2)))
    assert columns.min() >= 8
    assert columns.max() <= end + 2 <= 10 + 120 + 2
    assert measured("..", 0.45)[0] < 20
    assert shortened("short", 0.45, 120) == "short"
    assert shortened("a\x1b[31m\udcff", 0.45, 400) == "a?[31m?"


@pytest.mark.parametrize("colour", PALETTE)
def test_ink_can_be_read_on_every_colour(colour: tuple[int, int, int]) -> None:
    """The contrast of WCAG 2.1, level AA: 4.5 to 1."""

    def luminance(rgb: tuple[int, int, int]) -> float:
        share = np.array(rgb) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        return float(linear @ (0.2126, 0.7152, 0.0722))

    low, high = sorted((luminance(colour), luminance(ink_on(colour))))
    assert (high + 0.05) / (low + 0.05) > 4.5
    assert ink_on((255, 255, 255)) == DARK
    assert ink_on((0, 0, 0)) == LIGHT
