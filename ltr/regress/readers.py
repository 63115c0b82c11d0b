"""The published files of the tasks, as their programs read them (Gustafsson et al. 2022).

All images are 64 x 64. Each reader checks what it reads: DataError says what is wrong, and where.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ltr.checkpoints import printable
from ltr.errors import DataError, FrameError
from ltr.frame_folder import image_files
from ltr.images import Frame, read_image
from ltr.paths import open_regular
from ltr.progress import with_progress
from ltr.regress.examples import Examples, Split, shuffled

SIDE = 64
AGES = (1.0, 60.0)
"""Years: others are left out, as published."""
ANGLES, COUNTS, TURNS = (-100.0, 100.0), (1.0, 200.0), (-80.0, 80.0)
"""Degrees, cells, degrees: there alone an energy is made a density. Elsewhere it would be told as
better than it is, so others are refused."""
_COUNT = re.compile(r"[^_]*_(\d+)\.0\.")
"""Between the first underscore and ".0." stands how many cells there are."""
_AGE = re.compile(r"([0-9]{1,3})_")
"""Before the first underscore stand years; sex, race and date of a face follow."""
_UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What the readers of HDF5 and NumPy raise of files that are damaged."""


def read_steering(folder: Path) -> Split:
    """SteeringAngle_64x64.h5 of a folder: angles in degrees, 80 % to train on. Raises DataError."""
    path = folder / "SteeringAngle_64x64.h5"
    return shuffled(_within(ANGLES, _hdf5(path), f"'labels' of {path}"), 0.8, path)


def read_age(folder: Path) -> Split:
    """UTKFace_64x64.h5 of a folder, or where it has none its images, UTKFace as it is published:
    ages from 1 to 60 years, 80 % to train on. In the order of their names, images are shuffled by
    the same seed each time. Raises DataError."""
    path = folder / "UTKFace_64x64.h5"
    if not path.exists():
        return shuffled(_faces(folder), 0.8, folder)
    images, targets = _hdf5(path)
    kept = ((targets >= AGES[0]) & (targets <= AGES[1]))[:, 0]
    if not kept.any():
        raise DataError(f"{path} has no age from {AGES[0]:.0f} to {AGES[1]:.0f} in 'labels'")
    return shuffled(Examples(images[kept], targets[kept]), 0.8, path)


def read_cells(folder: Path) -> Split:
    """The grey images of a folder, Cell200 as it is published, half of them to train on; how many
    cells are in one stands in its name: 000017_123.0.png has 123. Raises DataError."""
    paths = _image_files(folder, f"no images in {folder}: give the folder Cell200")
    rule = 'between the first "_" and ".0.", as in 000017_123.0.png'
    counts = [_number(_COUNT, path, "count", rule) for path in paths]
    for path, count in zip(paths, counts, strict=True):
        if not COUNTS[0] <= count <= COUNTS[1]:
            raise DataError(f"image {path} has {count:.0f} cells, not {_ends(COUNTS)}")
    images = torch.empty(len(paths), 1, SIDE, SIDE, dtype=torch.uint8)
    for place, (path, frame) in enumerate(_frames(paths)):
        if frame.shape[:2] != (SIDE, SIDE):
            raise DataError(f"image {path} is {_times(frame.shape[:2])}, not 64 x 64")
        images[place, 0] = torch.from_numpy(frame[:, :, 0])
    return shuffled(Examples(images, torch.tensor(counts)[:, None]), 0.5, folder)


def read_pose(folder: Path) -> Split:
    """BIWI_train.npz and BIWI_test.npz of a folder: yaw, pitch and roll in degrees. Raises
    DataError."""
    return Split(*(_poses(folder / f"BIWI_{part}.npz") for part in ("train", "test")))


def _faces(folder: Path) -> Examples:
    """Square images, aligned and cropped, that are made 64 x 64."""
    paths = _image_files(
        folder, f"no UTKFace_64x64.h5 and no images in {folder}: give the folder of UTKFace"
    )
    rule = "it begins with it, as in 26_1_0_20170116184024662.jpg"
    ages = {path: _number(_AGE, path, "age", rule) for path in paths}
    kept = {path: age for path, age in ages.items() if AGES[0] <= age <= AGES[1]}
    images = torch.empty(len(kept), 3, SIDE, SIDE, dtype=torch.uint8)
    for place, (path, frame) in enumerate(_frames(list(kept))):
        if frame.shape[0] != frame.shape[1]:
            raise DataError(
                f"image {path} is {_times(frame.shape[:2])}, not square: give the faces that are "
                "aligned and cropped"
            )
        whole = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
        small = interpolate(whole, (SIDE, SIDE), mode="bilinear", antialias=True)
        images[place] = small[0].round().clamp(0, 255)
    return Examples(images, torch.tensor(list(kept.values()))[:, None])


def _image_files(folder: Path, none: str) -> list[Path]:
    """In the order of their names. Raises DataError, with the words `none` where there is none."""
    try:
        paths = image_files(folder)
    except FrameError as error:
        raise DataError(str(error)) from None
    if not paths:
        raise DataError(none)
    return paths


def _frames(paths: Sequence[Path]) -> Iterator[tuple[Path, Frame]]:
    try:
        for path in with_progress(paths, len(paths), "images"):
            yield path, read_image(path)
    except FrameError as error:
        raise DataError(str(error)) from None


def _number(pattern: re.Pattern[str], path: Path, what: str, rule: str) -> float:
    found = pattern.match(path.name)
    if not found:
        raise DataError(f"image {path} has no {what} in its name: {rule}")
    return float(found[1])


def _hdf5(path: Path) -> Examples:
    try:
        import h5py
    except ImportError:
        raise DataError(
            f'{path} takes h5py to read, which is not installed: pip install -e ".[regress]"'
        ) from None
    try:
        open_regular(path).close()  # the library's own message has many lines
        with h5py.File(path, "r") as file:
            arrays = {key: np.asarray(_entry(file, key, path)) for key in ("images", "labels")}
    except _UNREADABLE as error:
        raise DataError(f"cannot read {path}: {_reason(error)}") from None
    images = _images(arrays["images"], path, "images", (3, SIDE, SIDE))
    return _examples(images, arrays["labels"], path, "labels", 1)


def _poses(path: Path) -> Examples:
    try:
        with open_regular(path) as stream, np.load(stream, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it is one array")
            arrays = {key: np.asarray(_entry(file, key, path)) for key in ("image", "pose")}
    except _UNREADABLE as error:
        raise DataError(f"cannot read {path}: {_reason(error)}") from None
    images = _images(arrays["image"], path, "image", (SIDE, SIDE, 3))
    images = images.permute(0, 3, 1, 2).contiguous()
    return _within(TURNS, _examples(images, arrays["pose"], path, "pose", 3), f"'pose' of {path}")


def _entry(file: Mapping[str, Any], key: str, path: Path) -> Any:
    if key not in file:
        known = printable(", ".join(sorted(file)))[:200] or "nothing"
        raise DataError(f"{path} has no {key!r}: it has {known}")
    return file[key]


def _images(array: np.ndarray, path: Path, key: str, shape: tuple[int, ...]) -> Tensor:
    if array.shape[1:] != shape or not len(array):
        raise DataError(f"{key!r} of {path} is {_times(array.shape)}, not N x {_times(shape)}")
    if array.dtype != np.uint8:
        raise DataError(f"{key!r} of {path} has type {array.dtype}, not uint8")
    return torch.from_numpy(array)


def _examples(
    images: Tensor, targets: np.ndarray, path: Path, key: str, dimensions: int
) -> Examples:
    """With targets (N, D), or (N,) for one dimension."""
    count = len(images)
    if targets.shape != (count, dimensions) and (dimensions > 1 or targets.shape != (count,)):
        raise DataError(
            f"{key!r} of {path} is {_times(targets.shape)}, not {count} x {dimensions}, a row for "
            "each image"
        )
    if targets.dtype.kind not in "iuf":
        raise DataError(f"{key!r} of {path} has type {targets.dtype}, not numbers")
    if not np.isfinite(targets).all():
        raise DataError(f"{key!r} of {path} holds numbers that are not finite")
    values = targets.astype(np.float32).reshape(count, dimensions)
    return Examples(images, torch.from_numpy(values))


def _within(ends: tuple[float, float], examples: Examples, where: str) -> Examples:
    """The examples. Raises DataError where a target is not within the ends."""
    targets = examples.targets
    outside = ((targets < ends[0]) | (targets > ends[1])).nonzero()
    if len(outside):
        row, column = outside[0].tolist()
        more = f", and {len(outside) - 1} more like that" if len(outside) > 1 else ""
        raise DataError(
            f"{where}: row {row} has {targets[row, column]:g}, not {_ends(ends)} degrees{more}"
        )
    return examples


def _ends(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.0f} to {ends[1]:.0f}"


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _reason(error: Exception) -> str:
    """In one line."""
    text = getattr(error, "strerror", None) or str(error)
    return printable(text.splitlines()[0]) if text else type(error).__name__
