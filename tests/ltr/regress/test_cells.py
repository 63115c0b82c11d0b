"""Rendered cells: what is in a picture, and that it depends on nothing but its number."""

from __future__ import annotations

import numpy as np
import pytest

from ltr.regress import cells
from ltr.regress.cells import BACKGROUND, GAIN, READ_NOISE, cell_examples, cell_picture


def test_a_picture_is_that_of_its_number() -> None:
    whole, part = cell_examples(3, 0, 6), cell_examples(3, 4, 2)
    assert whole.images.shape == (6, 1, 64, 64)
    assert part.images.equal(whole.images[4:])
    assert part.targets.equal(whole.targets[4:])
    assert not cell_examples(4, 0, 6).images.equal(whole.images)


def test_counts_are_uniform() -> None:
    counts = np.array([cell_picture(0, number)[1] for number in range(400)])
    assert counts.min() >= 1
    assert counts.max() <= 200
    assert counts.mean() == pytest.approx(100.5, abs=3 * 57.7 / 20)
    assert counts.std() == pytest.approx(57.7, rel=0.1)


def test_light_grows_with_the_count() -> None:
    """Of a spot that lies within, 2 pi sigma^2 times its peak: mean 57 peak photons."""
    examples = cell_examples(0, 0, 200)
    light = examples.images.double().sum((1, 2, 3)) / GAIN - BACKGROUND * 64**2
    of_a_cell = (light / examples.targets[:, 0])[examples.targets[:, 0] > 50]
    width = np.mean(np.linspace(*cells.SIGMAS, 1001) ** 2)
    # some light of cells at the edge is lost
    assert float(of_a_cell.mean()) == pytest.approx(2 * np.pi * width * 20, rel=0.06)


def test_noise_is_that_of_photons_and_of_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "PEAKS", (0.0, 0.0))
    monkeypatch.setattr(cells, "BACKGROUND", 30.0)
    picture, _ = cell_picture(0, 0)
    photons = picture / GAIN
    assert photons.mean() == pytest.approx(30, rel=0.02)
    assert photons.var() == pytest.approx(30 + READ_NOISE**2, rel=0.08)
    assert picture.max() < 255
