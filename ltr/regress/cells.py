"""Pictures of fluorescent cells, rendered: a task that runs from nothing.

A cell is a Gaussian spot; spots overlap and add up. Photons arrive by chance (shot noise), and the
camera adds noise of its own (read noise). Lempitsky and Zisserman 2010 count such cells; these are
in the manner of the set that Gustafsson et al. 2022 train on.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ltr.regress.examples import Examples, Split

SIDE = 64
MOST_CELLS = 200
SIGMAS = (1.2, 2.2)
"""Pixels: between these lies the width of a spot."""
PEAKS = (15.0, 25.0)
"""Photons at the middle of a spot."""
BACKGROUND = 4.0
"""Photons in every pixel."""
READ_NOISE = 2.0
"""Photons, standard deviation."""
GAIN = 2.0
"""Grey levels a photon: 255 is reached where some six spots lie upon each other."""
COUNTS = (3200, 800, 2000)
"""Pictures to train on, to validate and to test on."""


def cell_picture(seed: int, number: int) -> tuple[NDArray[np.uint8], int]:
    """Picture `number` (64, 64) of a seed, and how many cells are in it, from 1 to 200."""
    random = np.random.default_rng((seed, number))
    count = int(random.integers(1, MOST_CELLS + 1))
    centres = random.uniform(-0.5, SIDE - 0.5, (2, count, 1))
    sigmas = random.uniform(*SIGMAS, (count, 1))
    peaks = random.uniform(*PEAKS, (count, 1))
    rows, columns = np.exp(-(((np.arange(SIDE) - centres) / sigmas) ** 2) / 2)
    photons = random.poisson(BACKGROUND + (peaks * rows).T @ columns)
    levels = GAIN * (photons + random.normal(0, READ_NOISE, photons.shape))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8), count


def cell_examples(seed: int, first: int, count: int) -> Examples:
    """Pictures `first` to `first` + `count` - 1 of a seed."""
    pictures, counts = zip(*(cell_picture(seed, first + k) for k in range(count)), strict=True)
    images = torch.from_numpy(np.stack(pictures))[:, None]
    return Examples(images, torch.tensor(counts, dtype=torch.float32)[:, None])


def generated_cells(seed: int = 0) -> Split:
    """3,200 pictures to train on, 800 to validate, 2,000 to test on: 6 s."""
    train, validation, test = COUNTS
    return Split(
        train=cell_examples(seed, 0, train),
        validation=cell_examples(seed, train, validation),
        test=cell_examples(seed, train + validation, test),
    )
