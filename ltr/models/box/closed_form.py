"""The energy head as the tracker runs it: energies of boxes and their gradient in closed form, without a graph.

Batch norms are folded, and the modulation multiplies the pooled vectors, which is the same as multiplying the maps, for
pooling is linear: one weight matrix serves all targets.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ltr.models.backbone import Taps
from ltr.models.box.energy import BINS8, BINS16, CHANNELS, EnergyHead
from ltr.models.box.pooling import bin_edges, bin_weights, hat
from ltr.models.box.window import features_in, touched, window_of


class Hidden(NamedTuple):
    """The hidden layer of one branch: relu(W v + b) . u, where v holds the pooled values of its channels."""

    weight: Tensor
    """(256, P P C), columns in the order (bin row, bin column, channel)."""
    bias: Tensor
    """(256,)"""
    output: Tensor
    """u, (256,)."""
    convolutions: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]
    """(weight, bias) of the two convolutions that make the branch's feature map."""
    modulation: Tensor | None
    """(1, C) where the channels are one target's own, else None."""


class BranchMaps(NamedTuple):
    """What one branch pools from, for B targets: square windows of maps that are zero beyond their borders."""

    maps: Tensor
    """(B, a, a, C)."""
    transposed: Tensor
    """The same with rows and columns exchanged, contiguous."""
    cells_xy: Tensor
    """(B, 1, 2, 1, a) float64, the map cells of the window's columns and rows."""
    modulation: Tensor
    """(B, C)."""
    hidden: Hidden
    stride: int
    bins: int


class BoxMaps(NamedTuple):
    """What `ClosedFormHead.energies` needs besides boxes; made once a frame."""

    branches: tuple[BranchMaps, BranchMaps]
    taps: Taps
    modulation: Tensor
    low: tuple[list[list[int]], ...] | None
    """First cell (y, x) of each target's window in both branches; None for whole maps."""


class ClosedFormHead:
    """The inference form of an `EnergyHead` whose batch norms are folded."""

    def __init__(self, head: EnergyHead) -> None:
        self._head = head
        outputs = head.iou_predictor.weight[0].split(CHANNELS)
        self.bias = head.iou_predictor.bias
        self._hidden = tuple(
            Hidden(_channels_behind(block.linear.weight, bins), block.linear.bias, output, convolutions, None)
            for block, bins, output, convolutions in (
                (head.fc3_rt, BINS8, outputs[0], _weights(head.conv3_1t, head.conv3_2t)),
                (head.fc4_rt, BINS16, outputs[1], _weights(head.conv4_1t, head.conv4_2t)),
            )
        )
        self._last: tuple[Tensor, tuple[Hidden, ...]] | None = None

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Tensor:
        """Both modulation vectors, (B, 512), of targets with boxes (B, 4) in crops whose trunk features are `taps`."""
        return torch.cat(self._head.modulation(taps, boxes_xywh), dim=1)

    def maps(self, taps: Taps, modulation: Tensor, boxes_xywh: Tensor) -> BoxMaps:
        """The maps around boxes (B, N, 4) for targets with `modulation` (B, 512).

        On the CPU only the cells that the boxes reach are computed, with a margin for their way, and for a single
        target only its channels; on other devices whole maps, whose shape does not depend on the boxes."""
        if taps.stride8.device.type != "cpu":
            return self.whole_maps(taps, modulation)
        hidden = self._own_channels(modulation) if len(modulation) == 1 else self._hidden
        windows = [window_of(boxes_xywh, stride, tap.shape[-2:]) for tap, stride in zip(taps, (8, 16), strict=True)]
        branches = self._branches(taps, modulation, hidden, [w.low for w in windows], [w.side for w in windows])
        return BoxMaps(branches, taps, modulation, tuple(w.low for w in windows))

    def whole_maps(self, taps: Taps, modulation: Tensor) -> BoxMaps:
        """The same without any window and with all channels."""
        low = [[[0, 0]] * len(modulation)] * 2
        sides = [max(tap.shape[-2:]) for tap in taps]
        return BoxMaps(self._branches(taps, modulation, self._hidden, low, sides), taps, modulation, None)

    def reaching(self, maps: BoxMaps, boxes_xywh: Tensor) -> BoxMaps:
        """`maps`, or whole maps if boxes have left their window."""
        if maps.low is None:
            return maps
        for branch, low, tap in zip(maps.branches, maps.low, maps.taps, strict=True):
            if not touched(boxes_xywh, branch.stride, tap.shape[-2:]).within(low, branch.maps.shape[1]):
                return self.whole_maps(maps.taps, maps.modulation)
        return maps

    def energies(self, maps: BoxMaps, boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (B, N) of boxes (B, N, 4) in pool format, and their gradient (B, N, 4) with respect to
        (x, y, w, h). A box without area has the energy of pooled zeros, and no gradient."""
        energy, gradient = _branch_energies(maps.branches[0], boxes_xywh)
        energy16, gradient16 = _branch_energies(maps.branches[1], boxes_xywh)
        return energy + energy16 + self.bias, gradient + gradient16

    def _branches(
        self, taps: Taps, modulation: Tensor, hidden: tuple[Hidden, ...], lows: list[list[list[int]]], sides: list[int]
    ) -> tuple[BranchMaps, BranchMaps]:
        halves = modulation.split(CHANNELS, dim=1)
        made = []
        for tap, layer, half, low, side, (stride, bins) in zip(
            taps, hidden, halves, lows, sides, ((8, BINS8), (16, BINS16)), strict=True
        ):
            maps = features_in(tap, layer.convolutions, low, side).permute(0, 2, 3, 1)
            cells = _cells(side, maps.device) + _corners(low, maps.device)
            own = half if layer.modulation is None else layer.modulation
            transposed = maps.transpose(1, 2).contiguous()
            made.append(BranchMaps(maps, transposed, cells, own, layer, stride, bins))
        return made[0], made[1]

    def _own_channels(self, modulation: Tensor) -> tuple[Hidden, ...]:
        """The hidden layers without the channels that this one target's modulation switches off: exact, and half the
        work where half of them are zero. Kept for the next frame, whose modulation is the same tensor."""
        if self._last is None or self._last[0] is not modulation:
            layers = []
            for layer, half in zip(self._hidden, modulation.split(CHANNELS, dim=1), strict=True):
                kept = half[0].nonzero()[:, 0]
                weight = layer.weight.view(CHANNELS, -1, CHANNELS).index_select(2, kept).flatten(1)
                first, (second, bias) = layer.convolutions
                second = second.index_select(0, kept).contiguous(memory_format=torch.channels_last)
                convolutions = (first, (second, bias.index_select(0, kept)))
                own = half.index_select(1, kept)
                layers.append(layer._replace(weight=weight, convolutions=convolutions, modulation=own))
            self._last = modulation, tuple(layers)
        return self._last[1]


def _branch_energies(branch: BranchMaps, boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
    (batch, count), bins = boxes_xywh.shape[:2], branch.bins
    maps, hidden = branch.maps, branch.hidden
    side, channels = maps.shape[2:]
    weights, by_low, by_size = (
        t.to(maps.dtype) for t in axis_weights(boxes_xywh, branch.cells_xy, branch.stride, bins)
    )
    across, down = weights.unbind(2)

    stripes = (down.flatten(1, 2) @ maps.flatten(2)).view(batch, count, bins, side, channels)
    pooled = across[:, :, None] @ stripes  # (B, N, P, P, C)
    modulation = branch.modulation[:, None, None, None]
    hidden_sum = F.linear((pooled * modulation).view(batch * count, -1), hidden.weight, hidden.bias)
    energy = hidden_sum.relu() @ hidden.output

    pull = torch.where(hidden_sum > 0, hidden.output, 0.0) @ hidden.weight
    pull = pull.view(batch, count, bins, bins, channels) * modulation  # of each pooled value
    columns = (across.flatten(1, 2) @ branch.transposed.flatten(2)).view(batch, count, bins, side, channels)
    pull_across = (pull @ stripes.transpose(-1, -2)).sum(2)  # of each weight of `across`
    pull_down = (pull.transpose(2, 3) @ columns.transpose(-1, -2)).sum(2)
    pulls = torch.stack([pull_across, pull_down], dim=2)  # (B, N, 2, P, a)
    gradient = torch.cat([(pulls * by_low).sum((-2, -1)), (pulls * by_size).sum((-2, -1))], dim=-1)
    return energy.view(batch, count), gradient


def axis_weights(boxes_xywh: Tensor, cells_xy: Tensor, stride: int, bins: int) -> tuple[Tensor, Tensor, Tensor]:
    """The mean of each cell's hat over each bin, on both axes (x, y), and its derivatives with respect to the box's low
    edge and its size: three tables (B, N, 2, P, a) in float64."""
    low, size = (boxes_xywh.double() / stride)[..., None].split(2, dim=2)  # (B, N, 2, 1), in cells
    edges = bin_edges(low[..., 0], size[..., 0], bins)
    cells = cells_xy[:, :, :, 0]
    weights = bin_weights(edges, cells)
    hats = hat(edges[..., None] - cells[..., None, :])
    fraction = torch.arange(bins + 1, dtype=torch.float64, device=edges.device)[:, None] / bins
    empty = (size <= 0)[..., None]
    safe = torch.where(empty, 1.0, size[..., None])
    per_bin = torch.where(empty, 0.0, bins / safe / stride)
    by_low = (hats[..., 1:, :] - hats[..., :-1, :]) * per_bin
    swept = fraction * hats
    by_size = (swept[..., 1:, :] - swept[..., :-1, :]) * per_bin - weights / (safe * stride)
    return weights, by_low, by_size


def _channels_behind(weight: Tensor, bins: int) -> Tensor:
    """Columns in the order (channel, row, column) -> (row, column, channel)."""
    return weight.view(len(weight), -1, bins, bins).permute(0, 2, 3, 1).flatten(1).contiguous()


def _weights(first: nn.Sequential, second: nn.Sequential) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    return (first[0].weight, first[0].bias), (second[0].weight, second[0].bias)  # type: ignore[return-value]


def _cells(side: int, device: torch.device) -> Tensor:
    return torch.arange(side, dtype=torch.float64, device=device)


def _corners(low: list[list[int]], device: torch.device) -> Tensor:
    """(B, 1, 2, 1, 1) the first cells of windows as (x, y)."""
    if device.type != "cpu":  # whole maps begin at zero: nothing to send to the device
        return torch.zeros(len(low), 1, 2, 1, 1, dtype=torch.float64, device=device)
    return torch.tensor(low, dtype=torch.float64).flip(-1)[:, None, :, None, None]
