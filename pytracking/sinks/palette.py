"""How targets are told apart in all pictures: a colour each, and a line style for each status."""

from __future__ import annotations

from ltr.drawing import DARK, LIGHT, PALETTE, Colour, Pattern
from pytracking.tracker.prediction import Status

FIRST_COLOUR = PALETTE[0]
TRUTH = LIGHT
"""Of true boxes and search areas, whose lines are thin."""

LINE_STYLES: dict[Status, Pattern] = {
    "found": (),
    "uncertain": (4.5, 4.5),
    "hard_negative": (5, 4, 0.01, 4),
    "not_found": (0.01, 3.5),
}
"""Solid, dashed, dash and dot, dotted. Also what matplotlib's line styles are made of."""


class TargetColours(dict[str, Colour]):
    """The colour of each target by its name, given out in the order in which they are first asked
    for; after the last colour of the palette comes the first one again."""

    def __missing__(self, name: str) -> Colour:
        self[name] = PALETTE[len(self) % len(PALETTE)]
        return self[name]


def ink_on(colour: Colour) -> Colour:
    """DARK or LIGHT, whichever has the higher contrast on `colour` (WCAG 2.1, relative
    luminance)."""
    linear = [
        v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4
        for v in (channel / 255 for channel in colour)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return DARK if luminance > 0.18 else LIGHT
