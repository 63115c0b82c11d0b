"""Box conventions and overlaps, and what is refused as a box."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ltr.errors import BoxError
from ltr.geometry import (
    LARGEST_OFFSET,
    at_offsets,
    box_of,
    centre_size,
    checked_box,
    from_relative,
    iou,
    moved_back,
    moved_by,
    offset_of,
    offsets_from,
    parse_box,
    parse_number,
    relative_step,
    to_relative,
)
from pytracking.evaluation.metrics import overlap

coordinate = st.floats(-1000, 1000, width=32)
side = st.floats(0.125, 1000, width=32)
boxes = st.tuples(coordinate, coordinate, side, side)


@given(boxes)
def test_centre_and_size_round_trip(box: tuple[float, float, float, float]) -> None:
    tensor = torch.tensor(box, dtype=torch.float64)
    centre, size = centre_size(tensor)
    assert centre[1] == box[0] + (box[2] - 1) / 2
    assert size.tolist() == [box[3], box[2]]
    torch.testing.assert_close(box_of(centre, size), tensor, atol=1e-9, rtol=0)


@given(boxes, st.tuples(side, side))
def test_relative_coordinates_round_trip(box, unit) -> None:  # type: ignore[no-untyped-def]
    box, unit = (torch.tensor(value, dtype=torch.float64) for value in (box, unit))
    back = from_relative(*to_relative(box, unit), unit)
    torch.testing.assert_close(back, box, atol=1e-9, rtol=1e-12)


@given(boxes, boxes)
def test_offsets_lead_from_box_to_box(begin, end) -> None:  # type: ignore[no-untyped-def]
    begin, end = (torch.tensor(box, dtype=torch.float64) for box in (begin, end))
    offsets = offsets_from(begin, end[None])
    torch.testing.assert_close(at_offsets(begin, offsets)[0], end, atol=1e-9, rtol=1e-9)


@given(boxes, st.tuples(side, side), st.tuples(*4 * [st.floats(-3, 3)]))
def test_a_relative_step_follows_the_chain_rule(box, unit, slope) -> None:  # type: ignore[no-untyped-def]
    """Against the graph of f(from_relative(...)) for a function with the gradient `slope`."""
    box, unit, slope = (torch.tensor(value, dtype=torch.float64) for value in (box, unit, slope))
    point = [part.requires_grad_() for part in to_relative(box, unit)]
    (slope * from_relative(*point, unit)).sum().backward()
    forward, growth = relative_step(slope, box[2:], unit, (0.5, 0.25))
    torch.testing.assert_close(forward, 0.5 * point[0].grad, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(growth, 0.25 * point[1].grad, atol=1e-9, rtol=1e-9)


@given(boxes, boxes)
def test_iou_agrees_with_the_metrics_and_with_its_symmetries(a, b) -> None:  # type: ignore[no-untyped-def]
    first, second = torch.tensor([a], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)
    value = iou(first, second).item()
    assert 0 <= value <= 1 + 1e-12
    assert value == pytest.approx(iou(second, first).item(), abs=1e-12)
    assert value == pytest.approx(overlap(first.numpy(), second.numpy())[0], abs=1e-12)
    assert iou(first, first).item() == pytest.approx(1)


def test_iou_values() -> None:
    a = torch.tensor([[100.0, 90, 60, 50], [0, 0, 0, 0], [0, 0, 4, 4]])
    b = torch.tensor([[110.0, 95, 55, 60], [0, 0, 0, 0], [4, 0, 4, 4]])
    assert iou(a, b).tolist() == pytest.approx([0.5555556, 0, 0], abs=1e-6)
    assert np.isnan(overlap(np.full((1, 4), np.nan), np.ones((1, 4)))).all()


def test_parse_box() -> None:
    assert parse_box("1, 2.5,30,40") == (1, 2.5, 30, 40)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "1,2,3",
            "box '1,2,3' is not four numbers: write x,y,w,h in pixels, for example 100,80,60,40",
        ),
        (
            "a,2,3,4",
            "box 'a,2,3,4' is not four numbers: write x,y,w,h in pixels, for example 100,80,60,40",
        ),
        (
            "1,2,0,4",
            "box 1,2,0,4 has no area: give x,y,w,h with a positive width and height in pixels",
        ),
        (
            "1,2,5,-4",
            "box 1,2,5,-4 has no area: give x,y,w,h with a positive width and height in pixels",
        ),
        ("1,2,nan,4", "box 1,2,nan,4 holds a number that is not finite: give x,y,w,h in pixels"),
        ("1,inf,4,4", "box 1,inf,4,4 holds a number that is not finite: give x,y,w,h in pixels"),
        (
            "1,2,1.5,4",
            "box 1,2,1.5,4 is smaller than 2 pixels a side: enlarge the frame or the box",
        ),
    ],
)
def test_refused_boxes(text: str, message: str) -> None:
    with pytest.raises(BoxError) as error:
        parse_box(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "box", [(640, 0, 9, 9), (0, 360, 9, 9), (-9, 0, 9, 9), (0, -20, 9, 9), (5000, 5000, 20, 20)]
)
def test_box_outside_the_frame(box: tuple[float, ...]) -> None:
    with pytest.raises(BoxError) as error:
        checked_box(box, (360, 640))
    text = ",".join(f"{v:g}" for v in box)
    assert (
        str(error.value)
        == f"box {text} lies outside the frame of 640x360 pixels: give x,y,w,h in its pixels"
    )


def test_box_partly_outside_is_taken() -> None:
    assert checked_box((-8.5, 350, 9, 30), (360, 640)) == (-8.5, 350, 9, 30)
    assert not math.isnan(checked_box(np.array([1, 2, 3, 4]))[0])


def test_box_larger_than_the_frame() -> None:
    assert checked_box((-20, -20, 900, 400), (360, 640))
    with pytest.raises(BoxError) as error:
        checked_box((0, 0, 1300, 300), (360, 640))
    expected = (
        "box 0,0,1300,300 is larger than the frame of 640x360 pixels: give x,y,w,h in its pixels"
    )
    assert str(error.value) == expected


WITHOUT_ORDER = [{1, 2, 30, 40}, frozenset({1, 2, 30, 40}), {1: 0, 2: 0, 30: 0, 40: 0}]
NO_NUMBERS = [
    "1,2,3,4",
    "1234",
    b"1234",
    ["1", "2", "30", "40"],
    (True, False, 30, 40),
    (1, 2, 3j, 4),
]
NESTED = [[[1, 2, 30, 40]], np.array([[1, 2, 30, 40]]), torch.ones(1, 4), [[1], [2], [30], [40]]]
OTHERS = [None, 5, (10**400, 2, 30, 40), torch.ones(4, device="meta"), np.array(list("1234"))]


@pytest.mark.parametrize("box", [*WITHOUT_ORDER, *NO_NUMBERS, *NESTED, *OTHERS], ids=repr)
def test_what_is_no_box(box: object) -> None:
    with pytest.raises(BoxError) as error:
        checked_box(box)  # type: ignore[arg-type]
    shown = " ".join(repr(box).split())[:60]
    assert str(error.value) == f"box {shown} is not four numbers x,y,w,h"


@pytest.mark.filterwarnings("error")  # that of torch for numbers that ask for a gradient
@pytest.mark.parametrize(
    "box",
    [
        [1, 2, 30, 40],
        np.array([1, 2, 30, 40], np.uint8),
        torch.tensor([1.0, 2, 30, 40], requires_grad=True),
        tuple(torch.tensor([1.0, 2, 30, 40], requires_grad=True)),
        [np.float32(1), np.int64(2), 30, 40],
        {"x": 1, "y": 2, "w": 30, "h": 40}.values(),
    ],
    ids=repr,
)
def test_what_is_a_box(box: object) -> None:
    assert checked_box(box) == (1.0, 2.0, 30.0, 40.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["1_000,2,30,40", "1 000,2,30,40", "\uff11,2,30,40", "1;2;30;40", "1,,2,30,40"]
)
def test_numbers_in_odd_notation(text: str) -> None:
    with pytest.raises(BoxError) as error:
        parse_box(text)
    assert str(error.value) == (
        f"box {text!r} is not four numbers: write x,y,w,h in pixels, for example 100,80,60,40"
    )


def test_numbers_in_plain_notation() -> None:
    assert parse_box(" 1., 2e0,\t+30 ,4.0E+1") == (1.0, 2.0, 30.0, 40.0)
    assert parse_number("1e999") == math.inf
    with pytest.raises(BoxError) as error:
        parse_box("1e999,2,30,40")
    assert str(error.value) == (
        "box inf,2,30,40 holds a number that is not finite: give x,y,w,h in pixels"
    )


@given(boxes, boxes)
def test_offsets_lead_there_and_back(a, b) -> None:  # type: ignore[no-untyped-def]
    there, here = (
        centre_size(torch.tensor(box, dtype=torch.float64).clamp(-500, 500)) for box in (a, b)
    )
    offset = offset_of(*there, *here)
    if offset.abs().max() < LARGEST_OFFSET:
        for found, expected in zip(moved_by(*here, offset), there, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-9)
        for found, expected in zip(moved_back(*there, offset), here, strict=True):
            torch.testing.assert_close(found, expected, atol=1e-8, rtol=1e-9)
    for found, expected in zip(moved_by(*here, torch.zeros(4)), here, strict=True):
        assert torch.equal(found, expected)


def test_offset_values() -> None:
    box, other = torch.tensor([[10.0, 20, 8, 4], [2.0, 4, 2, 2]])
    centre, size = centre_size(box)
    offset = offset_of(centre, size, *centre_size(other))
    assert offset.tolist() == pytest.approx([8.5, 5.5, math.log(2), math.log(4)])
    far = offset_of(centre + 1e5, size, centre, size)
    assert far.tolist() == [LARGEST_OFFSET, LARGEST_OFFSET, 0, 0]
