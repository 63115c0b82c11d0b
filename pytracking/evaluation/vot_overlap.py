"""Regions of the VOT challenge and how much two of them overlap, counted in pixels: numpy only.

A region is what a line of a VOT file holds, a float64 array by its length: 1 a code, 4 a rectangle
x, y, w, h, an even number from 6 on a polygon x1, y1, x2, y2, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pytracking.evaluation.metrics import Array

Region = Array
Toolkit = Literal["pysot", "votchallenge"]
"""Whose rules: those of pysot-toolkit, or of votchallenge/toolkit (the package vot-toolkit)."""


def rasterized_overlaps(
    a: Sequence[Region], b: Sequence[Region], frame_wh: tuple[int, int], toolkit: Toolkit
) -> Array:
    """Intersection over union (N,) of N pairs of regions, in pixels of a frame (W, H); NaN where
    one of a pair is a code or holds NaN.

    A rectangle is the polygon x..x + w, y..y + h for pysot-toolkit, and covers round(x) to round(x)
    + round(w) - 1 for votchallenge/toolkit; halves are rounded to even. Two regions without a pixel
    in the frame overlap by 1 for pysot-toolkit. For votchallenge/toolkit two whose common bounding
    box is at most one pixel wide or high overlap by 1, two for which what the frame has of it is so
    by 0."""
    overlaps = np.full(len(a), np.nan)
    known = [
        row
        for row, (one, other) in enumerate(zip(a, b, strict=True))
        if min(len(one), len(other)) > 1 and np.isfinite(one).all() and np.isfinite(other).all()
    ]
    if known:
        first = _polygons([a[row] for row in known], toolkit)
        second = _polygons([b[row] for row in known], toolkit)
        overlaps[known] = _overlaps(first, second, frame_wh, toolkit)
    return overlaps


def _polygons(regions: Sequence[Region], toolkit: Toolkit) -> tuple[Array, Array]:
    """Regions as polygons of rounded vertices: edges (N, K, 4), x, y of begin and end, NaN after
    the last one and for a rectangle without a pixel; bounds (N, 4), least and greatest x, y."""
    edges = np.full((len(regions), max(4, *(len(r) // 2 for r in regions)), 4), np.nan)
    bounds = np.zeros((len(regions), 4))
    for row, region in enumerate(regions):
        polygon = region
        if len(region) == 4:
            x, y, w, h = region
            if toolkit == "votchallenge":
                x, y, w, h = np.round(region) - (0, 0, 1, 1)
            bounds[row] = x, y, x + w, y + h
            if toolkit == "votchallenge" and min(w, h) < 0:
                continue
            polygon = np.array([x, y, x + w, y, x + w, y + h, x, y + h])
        vertices = polygon.reshape(-1, 2)
        bounds[row] = *vertices.min(axis=0), *vertices.max(axis=0)
        edges[row, : len(vertices), :2] = vertices
        edges[row, : len(vertices), 2:] = np.roll(polygon, -2).reshape(-1, 2)
    return np.round(edges), np.round(bounds)


def _overlaps(
    a: tuple[Array, Array], b: tuple[Array, Array], frame_wh: tuple[int, int], toolkit: Toolkit
) -> Array:
    """Overlaps (N,) of what `_polygons` gives. Columns are counted from the first common one."""
    low = np.minimum(a[1][:, :2], b[1][:, :2])
    high = np.maximum(a[1][:, 2:], b[1][:, 2:])
    left, first = np.maximum(low, 0).T
    last = np.minimum(high[:, 1], frame_wh[1] - 1)
    counts = np.maximum(last - first + 1, 0).astype(int)
    pair = np.repeat(np.arange(len(low)), counts)
    rows = np.arange(len(pair)) + (first - np.cumsum(counts) + counts)[pair]
    width = np.maximum(frame_wh[0] - left, 0)[pair]
    shift = np.stack([left, 0 * left, left, 0 * left], axis=1)[:, None]
    spans = [_spans(edges - shift, pair, rows, width) for edges, _ in (a, b)]
    common = [
        np.maximum(np.minimum(end, other_end) - np.maximum(start, other_start), 0)
        for start, end in spans[0]
        for other_start, other_end in spans[1]
    ]
    covered = [end - start for each in spans for start, end in each]
    shared = np.bincount(pair, np.sum(common, axis=0), len(low))
    union = np.bincount(pair, np.sum(covered, axis=0), len(low)) - shared
    overlaps = shared / np.maximum(union, 1)
    if toolkit == "pysot":
        return np.where(union == 0, 1, overlaps)
    seen = np.minimum(high, np.array(frame_wh) - 1) > np.maximum(low, 0)
    return np.where((high > low).all(axis=1), np.where(seen.all(axis=1), overlaps, 0), 1)


def _spans(
    edges: Array, pair: NDArray[np.int64], rows: Array, width: Array
) -> list[tuple[Array, Array]]:
    """The pixels that polygons cover in each row (R,) within widths (R,), as disjoint spans [start,
    end): a list of pairs (R,), (R,), empty where a row has fewer.

    An edge meets the rows from its one end to the other, both included, at a truncated column; a
    horizontal one at its end. The columns, in order, are paired, and both of a pair are covered;
    where two are alike, as where a row goes through a vertex, the first is passed over, unless no
    more than these two are left."""
    columns = []
    for x, y, x_end, y_end in np.moveaxis(edges, 0, -1):
        top, bottom = np.minimum(y, y_end)[pair], np.maximum(y, y_end)[pair]
        share = (rows - y_end[pair]) / np.where(y == y_end, 1, y - y_end)[pair]
        column = np.trunc(x_end[pair] + share * (x - x_end)[pair])
        columns.append(np.where((top <= rows) & (rows <= bottom), column, np.inf))
    met = np.sort(columns, axis=0)
    pairs = np.full((2, max(len(met) // 2, 1), len(rows)), np.inf)
    pairs[:, 0] = met[:2]
    several = np.flatnonzero(np.isfinite(met[2:3]).any(axis=0))
    pairs[:, :, several] = _paired(met[:, several])
    spans: list[tuple[Array, Array]] = []
    for left, right in zip(*pairs, strict=True):
        if spans and not np.isfinite(left).any():
            break
        end = np.clip(right + 1, 0, width)
        start = np.clip(left, spans[-1][1] if spans else 0, end)
        spans.append((start, end))
    return spans


def _paired(met: Array) -> Array:
    """The columns (K, R) that a row's edges meet, in order and then infinite, as pairs (2, K // 2,
    R) of first and last column."""
    counts = np.isfinite(met).sum(axis=0)
    pairs = np.full((2, len(met) // 2, met.shape[1]), np.inf)
    begun, complete = np.zeros(met.shape[1], bool), np.zeros(met.shape[1], int)
    following = np.concatenate([met[1:], np.full_like(met[:1], np.inf)])
    for k, (column, next_column) in enumerate(zip(met, following, strict=True)):
        ends = np.flatnonzero(begun & (k < counts))
        pairs[1, complete[ends], ends] = column[ends]
        passed_over = (column == next_column) & (k < counts - 2)
        begun = ~begun & (k < counts - 1) & ~passed_over
        complete[ends] += 1
        begins = np.flatnonzero(begun)
        pairs[0, complete[begins], begins] = column[begins]
    return pairs
