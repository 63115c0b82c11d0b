"""Curves for TensorBoard, by a stand-in of its writer."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ltr.training.log import Curves

POINTS = {"losses": {"total": 0.5, "box/loss": 2.0}, "seconds": 3.5, "steps": 7, "text": "no curve"}


class Writer:
    """Notes points, until its disk is full."""

    def __init__(self, folder: str) -> None:
        self.folder, self.points, self.full = folder, [], False

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.points.append((name, value, step))

    def flush(self) -> None:
        if self.full:
            raise OSError(28, "No space left on device")

    def close(self) -> None: ...


@pytest.fixture
def curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Curves:
    module = SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    return Curves(tmp_path)


def test_each_number_is_a_point_of_its_curve(curves: Curves, tmp_path: Path) -> None:
    writer = curves._writer
    curves.add("train", 12, POINTS)
    assert writer.folder == str(tmp_path / "tensorboard")
    assert writer.points == [
        ("train/losses/total", 0.5, 12),
        ("train/losses/box/loss", 2.0, 12),
        ("train/seconds", 3.5, 12),
    ]


def test_a_full_disk_ends_the_curves_alone(
    curves: Curves, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = curves._writer
    writer.full = True
    for step in (1, 2):
        curves.add("train", step, POINTS)
    assert len(writer.points) == 3
    said = "no more curves for TensorBoard: No space left on device"
    assert capsys.readouterr().err.count(said) == 1
    curves.close()


def test_nothing_where_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    curves = Curves(tmp_path)
    curves.add("train", 1, POINTS)
    curves.close()
    assert not list(tmp_path.iterdir())
