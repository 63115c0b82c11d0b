"""Labels in pictures: placed so that none covers another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytracking.tracker.prediction import Box

Rectangle = tuple[int, int, int, int]
"""Left, top, width and height in whole pixels."""
Offset = tuple[int, int]
"""Of a label's corner from that of the visible part of its box, in pixels."""
SHIFTS = 4
"""Heights of a label by which it moves away from its box, at the most, before any free place of the
picture will do."""


def placed(
    boxes: Sequence[Box],
    sizes: Sequence[tuple[int, int]],
    picture: tuple[int, int],
    gap: int,
    taken: Sequence[Rectangle] = (),
    before: Sequence[Offset | None] = (),
) -> list[Rectangle | None]:
    """Where the label of each box goes: within the picture, over no other label and over nothing
    `taken`.

    sizes: width and height of each label; picture: width and height; gap: pixels between a box and
    its label; before: `offset` of each in the last frame, kept where it is free and close, so that
    labels do not jump. The labels are placed in turn, each above, below or beside its box, else
    further away, over no other box where that can be; else in the nearest free place of the
    picture. None for a label that has no place left."""
    shown = [visible(box, picture) for box in boxes]
    used, places = list(taken), list[Rectangle | None]()
    for k, (box, size) in enumerate(zip(shown, sizes, strict=True)):
        last = before[k] if before else None
        wanted = [] if last is None else [(box[0] + last[0], box[1] + last[1], *size)]
        wanted = [place for place in wanted if close(place, box, 2 * gap)]
        wanted += beside(box, size, picture, gap)
        place = (
            first_free(wanted, picture, used + shown[:k] + shown[k + 1 :])
            or first_free(wanted, picture, used)
            or nearest(box, size, picture, used)
        )
        places.append(place)
        if place is not None:
            used.append(place)
    return places


def offset(place: Rectangle, box: Box, picture: tuple[int, int]) -> Offset:
    """Where a label lies beside its box."""
    left, top, _, _ = visible(box, picture)
    return place[0] - left, place[1] - top


def visible(box: Box, picture: tuple[int, int]) -> Rectangle:
    """The part of a box that lies in the picture; of one outside, the nearest pixels of its
    border."""
    x, y, w, h = box
    left, right = (round(min(max(v, 0), picture[0] - 1)) for v in (x, x + w))
    top, bottom = (round(min(max(v, 0), picture[1] - 1)) for v in (y, y + h))
    return left, top, right - left, bottom - top


def beside(
    box: Rectangle, size: tuple[int, int], picture: tuple[int, int], gap: int
) -> Iterator[Rectangle]:
    """Places for a label, the best first."""
    left, top, width, height = box
    w, h = size
    starts = [min(max(v, 0), picture[0] - w) for v in (left, left + width - w)]
    for shift in range(SHIFTS + 1):
        away = gap + shift * (h + 1)
        for start in starts:
            yield start, top - h - away, w, h
            yield start, top + height + away, w, h
        line = min(top + shift * (h + 1), picture[1] - h)
        yield left + width + gap, line, w, h
        yield left - w - gap, line, w, h
        yield starts[0] + gap, top + away, w, h


def nearest(
    box: Rectangle, size: tuple[int, int], picture: tuple[int, int], used: Sequence[Rectangle]
) -> Rectangle | None:
    """The free place nearest to a box, on a grid of a label's height."""
    w, h = size
    places = [
        (left, top, w, h)
        for top in range(0, picture[1] - h + 1, h)
        for left in range(0, picture[0] - w + 1, h)
    ]
    places.sort(key=lambda place: abs(place[0] - box[0]) + abs(place[1] - box[1]))
    return first_free(places, picture, used)


def first_free(
    places: Iterable[Rectangle], picture: tuple[int, int], used: Sequence[Rectangle]
) -> Rectangle | None:
    """The first place within a picture of this width and height that covers nothing used."""
    for place in places:
        left, top, w, h = place
        inside = left >= 0 and top >= 0 and left + w <= picture[0] and top + h <= picture[1]
        if inside and not any(cover(place, other) for other in used):
            return place
    return None


def close(a: Rectangle, b: Rectangle, most: int) -> bool:
    """Whether no more than `most` pixels lie between two places."""
    return cover((a[0] - most, a[1] - most, a[2] + 2 * most, a[3] + 2 * most), b)


def cover(a: Rectangle, b: Rectangle) -> bool:
    """Whether two places have pixels in common."""
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
