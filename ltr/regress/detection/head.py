"""The conditional energy of a box: how well it fits a thing of a class in a photograph.

As the published head pools boxes from a pyramid of a frozen network, it has a little pyramid of
its own: both taps of the trunk are brought to one map at stride 8, from which the box and some of
what lies around it are pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

from ltr.models.backbone import TRUNKS, Taps, TrunkName
from ltr.models.box.pooling import pool
from ltr.settings import group, setting

STRIDE = 8
"""Pixels of the photograph per cell of the map that boxes are pooled from."""


@dataclass(frozen=True)
@group
class BoxEnergyConfig:
    """The sizes of a box energy."""

    trunk: TrunkName = setting("resnet18", "name", "what makes the features")
    classes: int = setting(2, "1", "kinds of things that are told apart", (1, 4096))
    channels: int = setting(64, "1", "channels of the map that boxes are pooled from", (1, 4096))
    bins: int = setting(7, "1", "bins a side that a box is pooled into", (1, 16))
    context: float = setting(
        2.0, "boxes", "side of what is pooled: more than 1 sees the edges", (1.0, 4.0)
    )
    hidden: int = setting(256, "1", "width of both hidden layers", (1, 4096))


class BoxEnergy(nn.Module):
    """Boxes of photographs -> scores, given the class of each."""

    def __init__(self, config: BoxEnergyConfig) -> None:
        super().__init__()
        self.config = c = config
        trunk = TRUNKS[c.trunk]
        self.lateral8 = nn.Conv2d(trunk.channels8, c.channels, 1)
        self.lateral16 = nn.Conv2d(trunk.channels16, c.channels, 1)
        self.mixed = nn.Conv2d(c.channels, c.channels, 3, padding=1)
        self.hidden1 = nn.Linear(c.channels * c.bins**2, c.hidden)
        self.hidden2 = nn.Linear(c.hidden, c.hidden)
        self.score = nn.Linear(c.hidden, 1, bias=False)  # energies are known up to a constant
        self.class_score = nn.Embedding(c.classes, c.hidden)
        for layer in (self.lateral8, self.lateral16, self.mixed, self.hidden1, self.hidden2):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        # published: the last layer begins near zero, so that no box is better than another
        nn.init.normal_(self.score.weight, std=1e-3)
        nn.init.zeros_(self.class_score.weight)

    def box_map(self, taps: Taps) -> Tensor:
        """The map (H/8, W/8, C) that boxes of one photograph are pooled from."""
        fine, coarse = (tap.float() for tap in taps)
        above = nnf.interpolate(self.lateral16(coarse), fine.shape[2:], mode="bilinear")
        mixed = self.mixed((self.lateral8(fine) + above).relu())
        return mixed.relu()[0].permute(1, 2, 0)

    def forward(self, maps: Sequence[Tensor], boxes_xywh: Tensor, classes: Tensor) -> Tensor:
        """Scores (B, N) of boxes (B, N, 4), pixels, around each of B things of `classes` (B,); each
        thing has the map (H, W, C) of its photograph."""
        pooled = torch.stack(
            [
                self._pooled(own_map, around)
                for own_map, around in zip(maps, boxes_xywh, strict=True)
            ]
        )
        hidden = nnf.silu(self.hidden1(pooled))
        hidden = nnf.silu(self.hidden2(hidden))
        weights = self.score.weight + self.class_score(classes)  # (B, hidden)
        return (hidden @ weights[:, :, None])[..., 0]

    def _pooled(self, box_map: Tensor, boxes_xywh: Tensor) -> Tensor:
        """(N, P P C) of boxes (N, 4) from the map's window that they reach into."""
        corner, size = boxes_xywh.split(2, dim=-1)
        margin = size * ((self.config.context - 1) / 2)
        left_top, size = corner - margin, size + 2 * margin
        first = (left_top.detach().amin(0) / STRIDE).floor().long() - 1
        last = ((left_top + size).detach().amax(0) / STRIDE).ceil().long() + 2
        height, width = box_map.shape[:2]
        x0, x1 = _span(first[0], last[0], width)
        y0, y1 = _span(first[1], last[1], height)
        begin = left_top.new_tensor([x0 * STRIDE, y0 * STRIDE])
        boxes = torch.cat([left_top - begin, size], dim=-1)
        bins = (self.config.bins, self.config.bins)
        return pool(box_map[None, y0:y1, x0:x1], boxes[None], STRIDE, bins)[0].flatten(1)


def _span(first: Tensor, last: Tensor, cells: int) -> tuple[int, int]:
    """Cells from, and up to, of a window: at least one, also for boxes beside the map."""
    begin = min(max(int(first), 0), cells - 1)
    return begin, min(max(int(last), begin + 1), cells)
