"""Boxes by importance sampling from a learned proposal (Gustafsson et al. 2022): what is drawn, how
much each box counts, and what they say together. No gradient, and no box to start from."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ltr.ebm.inference import WeightedSample
from ltr.ebm.mixture import MixtureDensity, chosen_by_weight
from ltr.geometry import at_offsets
from ltr.models.tracking_network import BoxProposals

COLUMNS = 5
"""Random numbers that a box takes: the component, and one a coordinate."""
FARTHEST = 3.0
"""Of an offset from the first box, in sizes and logarithms: what is drawn farther is taken to lie
there."""
CREDIBLE = 0.9
"""Share of the weight that lies in a credible interval."""


class SampledBoxes(NamedTuple):
    """M boxes of each of B targets, weighted."""

    sample: WeightedSample
    """Of offsets (B, M, 4) from the first boxes; its scores are what the boxes stand for."""
    boxes_xywh: Tensor
    """The same as boxes (B, M, 4), pool format."""
    mean_xywh: Tensor
    """(B, 4), the box at the mean offset."""

    def spread(self) -> Tensor:
        """(B, 3, 4) pixels of the crop, as (x, y, w, h): standard deviations, and the ends of the
        credible interval of each number, counted from those of the mean box."""
        boxes = WeightedSample(self.boxes_xywh, self.sample.scores, self.sample.log_proposal)
        low, high = boxes.credible_interval(CREDIBLE)
        ends = (end - self.mean_xywh for end in (low, high))
        return torch.stack([boxes.deviations, *ends], dim=1)


def sample_boxes(
    proposals: BoxProposals, first_xywh: Tensor, uniform: Tensor, energy_share: float = 1.0
) -> SampledBoxes:
    """Boxes drawn near first ones (B, 4), pool format, by numbers of [0, 1), `uniform` (B, M, 5),
    and weighted so that they stand for exp(f)^s q^(1 - s), s being the `energy_share`: of 1 for the
    energy's own density, of 0 for the proposal's, between for what both agree on."""
    offsets = drawn_offsets(proposals.density, uniform)
    boxes = at_offsets(first_xywh, offsets)
    log_proposal = scores = proposals.density.log_density(offsets)
    if energy_share:  # without, no box needs to be pooled
        scores = torch.lerp(log_proposal, proposals.scores(boxes), energy_share)
    sample = WeightedSample(offsets, scores, log_proposal)
    mean_xywh = at_offsets(first_xywh, sample.mean[:, None])[:, 0]
    return SampledBoxes(sample, boxes, mean_xywh)


def drawn_offsets(density: MixtureDensity, uniform: Tensor) -> Tensor:
    """Offsets (B, M, 4) of densities (B,), by numbers of [0, 1) (B, M, 5)."""
    component = chosen_by_weight(density.logits, uniform[..., 0])
    # float32 tells 2^24 such numbers apart: the middle of each is within (0, 1)
    normal = torch.erfinv(2 * uniform[..., 1:] + (2.0**-24 - 1)) * math.sqrt(2)
    return density.points(component, normal).clamp(-FARTHEST, FARTHEST)
