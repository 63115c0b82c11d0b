"""Published files of the shared material, and states to compare."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

Save = Callable[..., Path]
Say = Callable[..., str]
CONV1, FILTER_REG = "feature_extractor.conv1.weight", "classifier.filter_optimizer.filter_reg"


def unpacked(shared: Path, name: str, folder: Path) -> Path:
    with (
        gzip.open(shared / "reference" / f"{name}.gz") as packed,
        (folder / name).open("wb") as file,
    ):
        shutil.copyfileobj(packed, file, 1 << 20)
    return folder / name


def used(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a tracker of this family uses of a published state, without counters."""
    unused = ("feature_extractor.layer4.", "feature_extractor.fc.")
    return {
        k: v
        for k, v in state.items()
        if not k.startswith(unused) and not k.endswith("num_batches_tracked")
    }


def assert_same(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert set(got) == set(expected)
    for key, value in expected.items():
        assert (got[key].dtype, got[key].shape) == (value.dtype, value.shape), key
        assert got[key].numpy().tobytes() == value.numpy().tobytes(), key
