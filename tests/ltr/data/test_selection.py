"""What is left out of training is validated with."""

from __future__ import annotations

import json
from pathlib import Path

import data_trees as trees
import numpy as np
import pytest

from ltr.data.configuration import Part
from ltr.data.layouts import open_store
from ltr.data.names import read_left_out
from ltr.data.selection import divided
from ltr.errors import DataError


def test_divided_by_name(tmp_path: Path) -> None:
    trees.write_coco(tmp_path)
    store = open_store(Part(layout="coco", path="."), tmp_path)
    train, validation = divided(store, {"one_11", "elsewhere"})
    assert [t.name for t in train.tracks] == ["one_10", "two_14"]
    assert [t.name for t in validation.tracks] == ["one_11"]
    assert train.name == validation.name == store.name
    np.testing.assert_array_equal(train.frame(1, 0), store.frame(2, 0))
    mask = train.mask(1, 0)
    assert mask is not None
    np.testing.assert_array_equal(mask, store.mask(2, 0))
    assert validation.mask(0, 0) is None
    assert divided(store, ())[1].tracks == ()


def test_left_out_names(tmp_path: Path, shared: Path) -> None:
    text = tmp_path / "names.txt"
    text.write_text("\ufeffa b\r\n\r\nc\n")
    assert read_left_out(text) == {"a b", "c"}
    data = tmp_path / "names.json"
    data.write_text(json.dumps({"a": {"left_out": True, "more": 1}, "b": {"left_out": False}}))
    assert read_left_out(data) == {"a"}
    assert len(read_left_out(shared / "data" / "train" / "clips.json")) == 26


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": {}}, "names.json, a: there is no 'left_out'"),
        ({"a": {"left_out": 1}}, "names.json, a: left_out is 1, not true or false"),
        ({"a": 3}, "names.json: a is not an object with names"),
        (
            {"a": {"left_out": False}},
            "names.json leaves nothing out: give one of its entries a true left_out",
        ),
    ],
)
def test_left_out_that_is_wrong(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "names.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        read_left_out(path)
    assert str(caught.value) == f"{tmp_path}/{message}"
