"""Readers of the published files of the regression tasks, on miniatures in the published layout."""

from __future__ import annotations

import contextlib
import random as random_bytes
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from ltr.draws import example_draws
from ltr.errors import DataError
from ltr.regress.examples import Examples
from ltr.regress.poses import augmented
from ltr.regress.readers import (
    AGES,
    ANGLES,
    COUNTS,
    TURNS,
    read_age,
    read_cells,
    read_pose,
    read_steering,
)
from ltr.regress.tasks import TASKS

random = np.random.default_rng(0)
IMAGES = random.integers(0, 256, (10, 3, 64, 64), dtype=np.uint8)
LABELS = np.array([-75.5, 3, 20, 60, 61, 1, 0.5, 40, 12, 90])


def write_h5(path: Path, **arrays: Any) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return path.parent


def pairs(examples: Examples) -> dict[float, int]:
    """First pixel by target."""
    pixels = examples.images[:, 0, 0, 0].tolist()
    return dict(zip(examples.targets[:, 0].tolist(), pixels, strict=True))


@pytest.mark.parametrize("shape", [(10,), (10, 1)])
def test_steering(tmp_path: Path, shape: tuple[int, ...]) -> None:
    labels = LABELS.reshape(shape)
    folder = write_h5(tmp_path / "SteeringAngle_64x64.h5", images=IMAGES, labels=labels)
    split = read_steering(folder)
    assert split.validation is None
    assert split.train.images.shape == (8, 3, 64, 64)
    assert split.test.targets.shape == (2, 1)
    assert split.train.targets.dtype == torch.float32
    both = pairs(split.train) | pairs(split.test)
    assert both == dict(zip(LABELS.tolist(), IMAGES[:, 0, 0, 0].tolist(), strict=True))
    assert split.train.targets[:, 0].tolist() != LABELS[:8].tolist()
    again = read_steering(folder)
    assert again.train.targets.equal(split.train.targets)


def test_targets_outside_of_the_grid(tmp_path: Path) -> None:
    """Where an energy is no density: its likelihood would be told as better than it is."""
    path = tmp_path / "SteeringAngle_64x64.h5"
    labels = np.array([100, -100, 3.0, 250.5, 0, 1, 2, -101, 4, 5])
    write_h5(path, images=IMAGES, labels=labels)
    with pytest.raises(DataError) as error:
        read_steering(tmp_path)
    line = f"'labels' of {path}: row 3 has 250.5, not -100 to 100 degrees, and 1 more like that"
    assert str(error.value) == line
    path, poses = tmp_path / "BIWI_train.npz", np.full((10, 3), 80.0)
    poses[4, 2] = -80.5
    np.savez(path, image=IMAGES.transpose(0, 2, 3, 1), pose=poses)
    with pytest.raises(DataError) as error:
        read_pose(tmp_path)
    assert str(error.value) == f"'pose' of {path}: row 4 has -80.5, not -80 to 80 degrees"
    write_cells(tmp_path, [7, 201])
    with pytest.raises(DataError) as error:
        read_cells(tmp_path)
    assert str(error.value) == f"image {tmp_path / '000001_201.0.png'} has 201 cells, not 1 to 200"


def test_the_readers_keep_to_the_grids() -> None:
    for name, ends in (("steering", ANGLES), ("cells", COUNTS), ("age", AGES), ("pose", TURNS)):
        grid = TASKS[name].grid
        assert {(low, high) for low, high in zip(grid.lower, grid.upper, strict=True)} == {ends}


def test_ages_from_1_to_60(tmp_path: Path) -> None:
    folder = write_h5(tmp_path / "UTKFace_64x64.h5", images=IMAGES, labels=LABELS)
    split = read_age(folder)
    both = pairs(split.train) | pairs(split.test)
    assert sorted(both) == [1, 3, 12, 20, 40, 60]
    assert both[60.0] == IMAGES[3, 0, 0, 0]
    assert len(split.test.targets) == 1
    write_h5(tmp_path / "UTKFace_64x64.h5", images=IMAGES, labels=LABELS + 200)
    with pytest.raises(DataError) as error:
        read_age(folder)
    assert (
        str(error.value) == f"{tmp_path / 'UTKFace_64x64.h5'} has no age from 1 to 60 in 'labels'"
    )


def write_faces(folder: Path, names: dict[str, int], side: int = 200) -> None:
    """Of one grey level each, in PNG so that it stays."""
    for name, level in names.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.full((side, side, 3), level, np.uint8))


def test_faces_as_they_are_published(tmp_path: Path) -> None:
    """Their ages stand in their names, also where race or date is missing."""
    names = {"26_1_0_20170116184024662.jpg.chip": 10, "1_0_0_2": 20, "60_0_3": 30, "61_1_0_1": 40}
    write_faces(tmp_path, {**names, "116_1_0_3": 50, "9_1_1_4": 60, "35_1_0_5": 70})
    cv2.imwrite(str(tmp_path / "44_0_1_9.jpg"), np.full((200, 200, 3), (0, 0, 250), np.uint8))
    split = read_age(tmp_path)
    assert split.train.images.shape == (5, 3, 64, 64)
    assert split.test.targets.shape == (1, 1)
    both = pairs(split.train) | pairs(split.test)
    assert both.pop(44.0) == pytest.approx(250, abs=4), "red comes first"
    assert both == {26: 10, 1: 20, 60: 30, 9: 60, 35: 70}
    assert read_age(tmp_path).test.targets.equal(split.test.targets)
    half = np.zeros((200, 200, 3), np.uint8)
    half[:, 100:] = 200
    cv2.imwrite(str(tmp_path / "44_0_1_9.jpg"), half)
    split = read_age(tmp_path)
    images, ages = (torch.cat(parts) for parts in zip(split.train, split.test, strict=True))
    assert images[ages[:, 0] == 44][0, 0, 5, [0, 20, 44, 63]].tolist() == pytest.approx(
        [0, 0, 200, 200], abs=4
    )


def test_what_is_wrong_with_faces(tmp_path: Path) -> None:
    def line() -> str:
        with pytest.raises(DataError) as error:
            read_age(tmp_path)
        return str(error.value)

    assert line() == f"no UTKFace_64x64.h5 and no images in {tmp_path}: give the folder of UTKFace"
    write_faces(tmp_path, {"30_1_0_1": 1})
    assert line() == f"{tmp_path} has too few images, 1, to train on some and test on others"
    write_faces(tmp_path, {"31_1_0_1": 1, "face_30": 1})
    assert line() == (
        f"image {tmp_path / 'face_30.png'} has no age in its name: it begins with it, as in "
        "26_1_0_20170116184024662.jpg"
    )
    (tmp_path / "face_30.png").unlink()
    cv2.imwrite(str(tmp_path / "30_0_0_1.png"), np.zeros((100, 200, 3), np.uint8))
    assert line() == (
        f"image {tmp_path / '30_0_0_1.png'} is 100 x 200, not square: give the faces that are "
        "aligned and cropped"
    )
    (tmp_path / "30_0_0_1.png").write_bytes(b"no image")
    assert str(tmp_path / "30_0_0_1.png") in line()
    with pytest.raises(DataError, match="^cannot list folder"):
        read_age(tmp_path / "nowhere")


def test_too_few_to_split(tmp_path: Path) -> None:
    path = tmp_path / "SteeringAngle_64x64.h5"
    write_h5(path, images=IMAGES[:1], labels=LABELS[:1])
    with pytest.raises(DataError) as error:
        read_steering(tmp_path)
    assert str(error.value) == f"{path} has too few images, 1, to train on some and test on others"
    write_cells(tmp_path, [7])
    with pytest.raises(DataError, match="has too few images, 1, to train on"):
        read_cells(tmp_path)


def test_damaged_hdf5_files_are_one_line(tmp_path: Path) -> None:
    """Whatever the library raises: three bytes anywhere."""
    h5py = pytest.importorskip("h5py")
    path, draw = tmp_path / "SteeringAngle_64x64.h5", random_bytes.Random(0)
    with h5py.File(path, "w") as file:
        file.create_dataset("images", data=IMAGES, compression="gzip")
        file["labels"] = LABELS
    whole, refused = path.read_bytes(), 0
    for number in range(120):
        damaged = bytearray(whole)
        for _ in range(3):
            end = 6000 if number % 2 else len(whole)
            damaged[draw.randrange(min(end, len(whole)))] = draw.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(DataError):
            read_steering(tmp_path)
            continue
        with pytest.raises(DataError) as error:
            read_steering(tmp_path)
        refused += 1
        assert str(path) in str(error.value)
        assert "\n" not in str(error.value)
    assert refused > 20
    with h5py.File(path, "w") as file:
        file.create_group("images")
        file["labels"] = LABELS
    with pytest.raises(DataError, match=str(path)):
        read_steering(tmp_path)


@pytest.mark.parametrize(
    ("arrays", "line"),
    [
        ({"images": IMAGES}, "{} has no 'labels': it has images"),
        ({"labels": LABELS, "pictures": IMAGES}, "{} has no 'images': it has labels, pictures"),
        (
            {"images": IMAGES[:, :, :32], "labels": LABELS},
            "'images' of {} is 10 x 3 x 32 x 64, not N x 3 x 64 x 64",
        ),
        (
            {"images": IMAGES.transpose(0, 2, 3, 1), "labels": LABELS},
            "'images' of {} is 10 x 64 x 64 x 3, not N x 3 x 64 x 64",
        ),
        ({"images": IMAGES / 255, "labels": LABELS}, "'images' of {} has type float64, not uint8"),
        (
            {"images": IMAGES, "labels": LABELS[:9]},
            "'labels' of {} is 9, not 10 x 1, a row for each image",
        ),
        (
            {"images": IMAGES, "labels": LABELS.astype("S4")},
            "'labels' of {} has type |S4, not numbers",
        ),
        (
            {"images": IMAGES, "labels": np.full(10, np.nan)},
            "'labels' of {} holds numbers that are not finite",
        ),
    ],
)
def test_what_is_wrong_with_an_hdf5_file(tmp_path: Path, arrays: dict[str, Any], line: str) -> None:
    path = tmp_path / "SteeringAngle_64x64.h5"
    write_h5(path, **arrays)
    with pytest.raises(DataError) as error:
        read_steering(tmp_path)
    assert str(error.value) == line.format(path)


def test_no_file_and_another_file(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    path = tmp_path / "SteeringAngle_64x64.h5"
    with pytest.raises(DataError) as error:
        read_steering(tmp_path)
    assert str(error.value) == f"cannot read {path}: No such file or directory"
    path.write_text("no HDF5")
    with pytest.raises(DataError, match=r"^cannot read .*_64x64\.h5: .*signature not found.*$"):
        read_steering(tmp_path)


def write_cells(folder: Path, counts: list[int]) -> None:
    for number, count in enumerate(counts):
        image = np.full((64, 64), count, np.uint8)
        cv2.imwrite(str(folder / f"{number:06d}_{count}.0.png"), image)


def test_cells(tmp_path: Path) -> None:
    write_cells(tmp_path, [7, 200, 1, 33])
    split = read_cells(tmp_path)
    assert split.train.images.shape == (2, 1, 64, 64)
    assert split.test.targets.shape == (2, 1)
    assert pairs(split.train) | pairs(split.test) == {7: 7, 200: 200, 1: 1, 33: 33}


def test_what_is_wrong_with_cells(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        read_cells(tmp_path)
    assert str(error.value) == f"no images in {tmp_path}: give the folder Cell200"
    write_cells(tmp_path, [7])
    (tmp_path / "000000_7.0.png").rename(tmp_path / "000000-7.0.png")
    with pytest.raises(DataError) as error:
        read_cells(tmp_path)
    assert str(error.value) == (
        f'image {tmp_path / "000000-7.0.png"} has no count in its name: between the first "_" '
        'and ".0.", as in 000017_123.0.png'
    )
    (tmp_path / "000000-7.0.png").unlink()
    cv2.imwrite(str(tmp_path / "1_2.0.png"), np.zeros((64, 200), np.uint8))
    with pytest.raises(DataError) as error:
        read_cells(tmp_path)
    assert str(error.value) == f"image {tmp_path / '1_2.0.png'} is 64 x 200, not 64 x 64"
    with pytest.raises(DataError, match="^cannot list folder"):
        read_cells(tmp_path / "nowhere")


def test_poses(tmp_path: Path) -> None:
    images, poses = IMAGES.transpose(0, 2, 3, 1), random.normal(0, 20, (10, 3))
    np.savez(tmp_path / "BIWI_train.npz", image=images, pose=poses)
    np.savez(tmp_path / "BIWI_test.npz", image=images[:4], pose=poses[:4])
    split = read_pose(tmp_path)
    assert split.train.images.equal(torch.from_numpy(IMAGES))
    assert split.train.targets.allclose(torch.from_numpy(poses).float())
    assert split.test.targets.equal(split.train.targets[:4])
    path = tmp_path / "BIWI_test.npz"
    np.savez(path, image=images[:4], pose=poses[:4, :2])
    with pytest.raises(DataError) as error:
        read_pose(tmp_path)
    assert str(error.value) == f"'pose' of {path} is 4 x 2, not 4 x 3, a row for each image"
    path.write_bytes((tmp_path / "BIWI_train.npz").read_bytes()[:1000])
    with pytest.raises(DataError, match=r"^cannot read .*BIWI_test\.npz: File is not a zip file$"):
        read_pose(tmp_path)


def test_augmented_poses_are_copies() -> None:
    images = torch.from_numpy(np.tile(np.arange(64, dtype=np.uint8), (200, 3, 64, 1)))
    poses = torch.tensor([[10.0, 20.0, 30.0]]).repeat(200, 1)
    draws = example_draws(0, torch.arange(200))
    found = augmented(Examples(images, poses), draws)
    assert poses.equal(torch.tensor([[10.0, 20.0, 30.0]]).repeat(200, 1))
    assert images[0, 0, 0].tolist() == list(range(64))
    assert found.images.shape == images.shape
    assert found.images.dtype == torch.uint8
    mirrored = found.targets[:, 0] < 0
    assert 70 < int(mirrored.sum()) < 130
    expected = torch.where(mirrored[:, None], torch.tensor([-10.0, 20, -30]), poses)
    assert found.targets.equal(expected)
    # the picture is a ramp to the right: its slope tells both, 1 / scale, and the sign
    slopes = (found.images[:, 0, 5, 20].float() - found.images[:, 0, 5, 10].float()) / 10
    assert (slopes < 0).equal(mirrored)
    assert slopes.abs().max() == pytest.approx(1 / 0.7, abs=0.1)
    assert slopes.abs().min() == pytest.approx(1 / 1.5, abs=0.1)
    small = slopes.abs() > 1.3  # .7 or so: zeros to the right and below
    assert (found.images[small][:, :, 50:] == 0).all()
    assert (found.images[small][:, :, :, 50:] == 0).all()
