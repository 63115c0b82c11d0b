"""The energy head as the tracker runs it: energies of boxes and their gradient in closed form,
without a graph.

Batch norms are folded, and the modulation multiplies the pooled vectors, which is the same as
multiplying the maps, for pooling is linear: one weight matrix serves all targets.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ltr.models.backbone import Taps
from ltr.models.box.energy import BINS8, BINS16, CHANNELS, EnergyHead
from ltr.models.box.pooling import bin_edges, hat, hat_integral
from ltr.models.box.window import (
    Convolutions,
    Window,
    features_in,
    limits_xy,
    whole_map,
    window_around,
)
from ltr.models.fused_convolution import FusedConvolution
from ltr.transfer import constant

STRIDES, BINS = (8, 16), (BINS8, BINS16)


class Hidden(NamedTuple):
    """The hidden layer of one branch: relu(W v + b) . u, where v holds the pooled values of its
    channels."""

    weight: Tensor
    """W, (256, P P C), columns in the order (bin row, bin column, channel): for the way back."""
    transposed: Tensor
    """W^T, contiguous: for the way forth. Both read in order what they need, twice as fast on a
    CPU."""
    bias: Tensor
    """b, (256,)."""
    output: Tensor
    """u, (256,)."""
    convolutions: Convolutions
    """Those that make the branch's feature map."""


class BranchMaps(NamedTuple):
    """What one branch pools from, for B targets: windows of maps that are zero beyond their
    borders."""

    maps: Tensor
    """(B, h, w, C)."""
    transposed: Tensor
    """(B, w, h, C), contiguous."""
    cells_xy: Tensor
    """(B, 1, 2, 1, max(h, w)) float64, the map cells of the window's columns and rows."""
    modulation: Tensor
    """(B, 1, 1, 1, C)."""
    hidden: Hidden
    stride: int
    bins: int


class BoxMaps(NamedTuple):
    """What `ClosedFormHead.energies` needs besides boxes; made once a frame."""

    branches: tuple[BranchMaps, BranchMaps]
    taps: Taps
    modulation: Tensor
    limits: tuple[Tensor, Tensor] | None
    """How far boxes may reach, (B, 1, 2) least and greatest pixels as (x, y); None: anywhere."""


class ClosedFormHead:
    """The inference form of an `EnergyHead` whose batch norms are folded."""

    def __init__(self, head: EnergyHead) -> None:
        self._head = head
        outputs = head.iou_predictor.weight[0].split(CHANNELS)
        self.bias = head.iou_predictor.bias
        layers = (
            (head.fc3_rt.linear, BINS8, head.conv3_1t[0], head.conv3_2t[0]),
            (head.fc4_rt.linear, BINS16, head.conv4_1t[0], head.conv4_2t[0]),
        )
        self._second = (head.conv3_2t[0], head.conv4_2t[0])
        self._hidden = tuple(
            _hidden(
                _channels_behind(linear.weight, bins),
                linear.bias,
                output,
                (_for_windows(a), _for_windows(b)),
            )
            for (linear, bins, a, b), output in zip(layers, outputs, strict=True)
        )
        self._last: tuple[Tensor, tuple[Tensor, ...], tuple[Hidden, ...]] | None = None

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Tensor:
        """Both modulation vectors, (B, 512), of targets with boxes (B, 4) in crops whose trunk
        features are `taps`."""
        return torch.cat(self._head.modulation(taps, boxes_xywh), dim=1)

    def maps(self, taps: Taps, modulation: Tensor, boxes_xywh: Tensor) -> BoxMaps:
        """The maps around boxes (B, N, 4) for targets with `modulation` (B, 512).

        On the CPU only the cells that the boxes reach are computed, with a margin for their way,
        and for a single target only its channels; on other devices whole maps, whose shape does not
        depend on the boxes."""
        if taps.stride8.device.type != "cpu":
            return self.whole_maps(taps, modulation)
        halves, hidden = modulation.split(CHANNELS, dim=1), self._hidden
        if len(modulation) == 1:
            halves, hidden = self._own_channels(modulation)
        windows = [
            window_around(boxes_xywh, s, tap.shape[-2:])
            for tap, s in zip(taps, STRIDES, strict=True)
        ]
        limits = [
            limits_xy(w, s, tap.shape[-2:])
            for w, tap, s in zip(windows, taps, STRIDES, strict=True)
        ]
        least, most = (
            torch.maximum(limits[0][0], limits[1][0]),
            torch.minimum(limits[0][1], limits[1][1]),
        )
        return BoxMaps(_branches(taps, halves, hidden, windows), taps, modulation, (least, most))

    def whole_maps(self, taps: Taps, modulation: Tensor) -> BoxMaps:
        """The same without any window and with all channels."""
        windows = [whole_map(tap.shape[-2:], len(tap)) for tap in taps]
        branches = _branches(taps, modulation.split(CHANNELS, dim=1), self._hidden, windows)
        return BoxMaps(branches, taps, modulation, None)

    def reaching(self, maps: BoxMaps, boxes_xywh: Tensor) -> BoxMaps:
        """`maps`, or others around the boxes where one has left its window."""
        if maps.limits is None:
            return maps
        corner, size = boxes_xywh.split(2, dim=-1)
        least, most = maps.limits
        outside = ((corner < least) | (corner + size > most)) & boxes_xywh.isfinite().all(
            -1, keepdim=True
        )
        return self.maps(maps.taps, maps.modulation, boxes_xywh) if outside.any() else maps

    def energies(self, maps: BoxMaps, boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
        """Energies (B, N) of boxes (B, N, 4) in pool format, and their gradient (B, N, 4) with
        respect to (x, y, w, h). A box without area has the energy of pooled zeros, and no
        gradient."""
        energy, gradient = _branch_energies(maps.branches[0], boxes_xywh)
        energy16, gradient16 = _branch_energies(maps.branches[1], boxes_xywh)
        return energy + energy16 + self.bias, gradient + gradient16

    def _own_channels(self, modulation: Tensor) -> tuple[tuple[Tensor, ...], tuple[Hidden, ...]]:
        """Modulation and hidden layers without the channels that this one target's modulation
        switches off: exact, and half the work where half of them are zero. Kept for the next frame,
        whose modulation is the same tensor."""
        last = self._last
        if last is None or last[0] is not modulation:
            halves, layers = [], []
            split = modulation.split(CHANNELS, dim=1)
            for layer, half, second in zip(self._hidden, split, self._second, strict=True):
                kept = half[0].nonzero()[:, 0]
                kept = (
                    kept if len(kept) else kept.new_zeros(1)
                )  # no operator takes no channels; one of zeros is exact
                weight = layer.weight.view(CHANNELS, -1, CHANNELS).index_select(2, kept).flatten(1)
                convolutions = (layer.convolutions[0], _for_windows(second, kept))
                halves.append(half.index_select(1, kept))
                layers.append(_hidden(weight, layer.bias, layer.output, convolutions))
            self._last = last = modulation, tuple(halves), tuple(layers)
        return last[1:]


def _branches(
    taps: Taps, halves: tuple[Tensor, ...], hidden: tuple[Hidden, ...], windows: list[Window]
) -> tuple[BranchMaps, BranchMaps]:
    made = []
    for tap, half, layer, window, stride, bins in zip(
        taps, halves, hidden, windows, STRIDES, BINS, strict=True
    ):
        maps = features_in(tap, layer.convolutions, window).permute(0, 2, 3, 1)
        cells = torch.arange(max(window.size), dtype=torch.float64, device=maps.device)
        low_yx = torch.zeros(len(maps), 2, dtype=torch.float64, device=maps.device)
        if maps.device.type == "cpu":
            low_yx += torch.tensor(window.low)
        cells_xy = cells + low_yx.flip(-1)[:, None, :, None, None]
        transposed = maps.transpose(1, 2).contiguous()
        made.append(
            BranchMaps(maps, transposed, cells_xy, half[:, None, None, None], layer, stride, bins)
        )
    return made[0], made[1]


def _branch_energies(branch: BranchMaps, boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
    (batch, count), bins, hidden = boxes_xywh.shape[:2], branch.bins, branch.hidden
    maps, modulation = branch.maps, branch.modulation
    height, width, channels = maps.shape[1:]
    tables = axis_tables(boxes_xywh, branch.cells_xy, branch.stride, bins).to(maps.dtype)
    (across, down), across_by, down_by = (
        tables[0].unbind(2),
        tables[1:, :, :, 0],
        tables[1:, :, :, 1],
    )
    across, down = across[..., :width], down[..., :height]

    stripes = (down.flatten(1, 2) @ maps.flatten(2)).view(batch, count, bins, width, channels)
    pooled = across[:, :, None] @ stripes  # (B, N, P, P, C)
    hidden_sum = torch.addmm(
        hidden.bias, (pooled * modulation).view(batch * count, -1), hidden.transposed
    )
    energy = hidden_sum.relu() @ hidden.output

    pull = ((hidden_sum > 0) * hidden.output) @ hidden.weight
    pull = pull.view(batch, count, bins, bins, channels) * modulation  # of each pooled value
    columns = (across.flatten(1, 2) @ branch.transposed.flatten(2)).view(
        batch, count, bins, height, channels
    )
    pull_across = (pull @ stripes.transpose(-1, -2)).sum(
        2
    )  # of each weight of `across`, (B, N, P, w)
    pull_down = (pull.transpose(2, 3) @ columns.transpose(-1, -2)).sum(2)
    by_xw = (pull_across * across_by[..., :width]).sum((-2, -1))  # (2, B, N)
    by_yh = (pull_down * down_by[..., :height]).sum((-2, -1))
    return energy.view(batch, count), torch.stack([by_xw[0], by_yh[0], by_xw[1], by_yh[1]], dim=-1)


def axis_tables(boxes_xywh: Tensor, cells_xy: Tensor, stride: int, bins: int) -> Tensor:
    """(3, B, N, 2, P, n) float64, on both axes (x, y): the mean of each cell's hat over each bin,
    and its derivatives
    with respect to the box's low edge and its size."""
    low, size = (boxes_xywh.double() / stride).split(2, dim=-1)  # (B, N, 2), in cells
    edges = bin_edges(low, size, bins)
    fraction = constant(tuple(k / bins for k in range(bins + 1)), edges.device, torch.float64)
    offset = edges[..., None] - cells_xy
    hats = hat(offset)
    swept = torch.stack([hat_integral(offset), hats, hats * fraction[:, None]])
    per_bin = ((size > 0) * bins / size.clamp(min=1e-300))[..., None, None]
    tables = (swept[..., 1:, :] - swept[..., :-1, :]) * per_bin
    tables[2] -= tables[0] * (per_bin / bins)
    tables[1:] /= stride
    return tables


def _hidden(weight: Tensor, bias: Tensor, output: Tensor, convolutions: Convolutions) -> Hidden:
    return Hidden(weight, weight.t().contiguous(), bias, output, convolutions)


def _channels_behind(weight: Tensor, bins: int) -> Tensor:
    """Columns in the order (channel, row, column) -> (row, column, channel)."""
    return weight.view(len(weight), -1, bins, bins).permute(0, 2, 3, 1).flatten(1).contiguous()


def _for_windows(padded: nn.Module, rows: Tensor | None = None) -> nn.Module:
    """A convolution as `features_in` takes it, of all output channels or of `rows`."""
    assert isinstance(padded, nn.Conv2d)
    if padded.weight.device.type != "cpu":
        return padded
    weight, bias = padded.weight, padded.bias
    assert bias is not None
    if rows is not None:
        weight, bias = weight.index_select(0, rows), bias.index_select(0, rows)
    convolution = nn.utils.skip_init(nn.Conv2d, weight.shape[1], len(weight), 3)
    convolution.weight, convolution.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
    return FusedConvolution(convolution) if FusedConvolution.available() else convolution
