"""What the tracker knows of a network: one interface, whatever computes behind it.

`ltr.models.folding.InferenceNet` is the implementation in PyTorch; another one (an exported graph,
say) offers exactly this. Letters: B targets, R crops, S samples, N boxes, C channels, K
filter side, T maps a sample, (H, W) feature cells, (H', W') score cells.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ltr.ebm.mixture import MixtureDensity
from ltr.models.backbone import Taps

BoxEnergies = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Boxes (B, N, 4) in pool format, pixels of the crop -> how well each fits its target, energies
(B, N), higher fits better, and their gradient (B, N, 4) with respect to (x, y, w, h). A box without
area has no gradient."""


BoxScores = Callable[[Tensor], Tensor]
"""Boxes (B, N, 4) in pool format -> their energies (B, N) alone, for less than half of the work."""


class Features(NamedTuple):
    """What a network sees in R crops."""

    taps: Taps
    """The trunk's, (R, C8, n/8, n/8) and (R, C16, n/16, n/16): what the box head reads."""
    classifier: Tensor
    """(R, H, W, C), what the filter is applied to."""


class ScoreGrid(NamedTuple):
    """Where the cells of a score map lie in its crop: position p, in crop pixels from the crop's
    edge (pool format), is cell p / stride - shift."""

    side: int
    """H' = W', cells."""
    stride: int
    """Crop pixels per cell."""
    shift: float
    """Cells: half a cell for filters of odd side, whose middle is a cell."""

    @property
    def middle(self) -> float:
        """The cell of the crop's middle, on both axes."""
        return (self.side - 1) / 2

    def cell_of(self, position: Tensor) -> Tensor:
        """Crop pixels -> cells, elementwise."""
        return position / self.stride - self.shift

    def position_of(self, cell: Tensor) -> Tensor:
        """Cells -> crop pixels, elementwise: the inverse of `cell_of`."""
        return (cell + self.shift) * self.stride


class BoxProposals(NamedTuple):
    """Where the boxes of B targets may lie in their crops, and how well any of them fits."""

    density: MixtureDensity
    """(B,), of offsets from the first boxes in relative coordinates (`ltr.geometry.at_offsets`)."""
    scores: BoxScores
    energies: BoxEnergies


class ConditionedHead(Protocol):
    """A box head that knows its B targets: made once for them, and good for every later frame."""

    def energies_of(self, taps: Taps, boxes_xywh: Tensor) -> BoxEnergies:
        """The energies of boxes in the crops, one a target, that `taps` are of: first near boxes
        (B, N, 4), and wherever they move."""
        ...

    def proposals_of(self, taps: Taps, first_xywh: Tensor) -> BoxProposals:
        """Where boxes may lie in the crops that `taps` are of, given first ones (B, 4). Only of a
        network that `has_proposals`."""
        ...


class TrackingNetwork(Protocol):
    """A network as the tracker runs it, on one device. Nothing here builds a graph."""

    @property
    def device(self) -> torch.device:
        """Where its tensors lie, and those that it is given."""
        ...

    @property
    def fingerprint(self) -> str:
        """Two networks with the same one behave alike: a state goes on with no other."""
        ...

    @property
    def has_box_head(self) -> bool:
        """Whether `modulation` and `conditioned` can be called."""
        ...

    @property
    def has_proposals(self) -> bool:
        """Whether a conditioned box head knows `proposals_of`."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has done all that it was given."""
        ...

    def score_grid(self, crop_side: int) -> ScoreGrid:
        """The grid of the score maps of crops of `crop_side` pixels."""
        ...

    def state_shapes(self, crop_side: int) -> dict[str, tuple[int, ...]]:
        """What one target keeps of it: the shapes of its `filter`, of its `modulation`, and of the
        features (`sample`) and `maps` of one sample in memory."""
        ...

    def features(self, crops: Tensor) -> Features:
        """Crops (R, 3, n, n), RGB 0..255, n a multiple of 16 -> their features."""
        ...

    def scores(self, classifier: Tensor, filters: Tensor, raw: bool = False) -> Tensor:
        """Classifier features (R, H, W, C) and filters (R, C, K, K) -> score maps (R, H', W'). They
        are a density over the cells where the filter learns one, unless `raw`."""
        ...

    def sample_maps(self, middle_yx: Tensor, crop_side: int) -> Tensor:
        """What samples with the target's middle at crop pixels (..., 2) ask of the filter: its
        label, or label, mask and weight, or label density, (..., T, H', W')."""
        ...

    def first_filter(self, samples: Tensor, boxes_xywh: Tensor) -> Tensor:
        """Where the descent starts: samples (B, S, H, W, C) of the first frame with boxes (B, S, 4)
        in pool format -> filters (B, C, K, K)."""
        ...

    def learn_filter(
        self, filters: Tensor, samples: Tensor, maps: Tensor, weights: Tensor, iterations: int
    ) -> Tensor:
        """Filters (B, C, K, K) after `iterations` descent steps on samples (B, S, H, W, C) with
        their maps (B, S, T, H', W') and weights (B, S); a weight of 0 leaves a sample out."""
        ...

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Tensor:
        """What the box head keeps of targets with boxes (R, 4), pool format, in the R crops that
        `taps` are of: (R, M)."""
        ...

    def conditioned(self, modulation: Tensor) -> ConditionedHead:
        """The box head for targets with modulations (B, M)."""
        ...
