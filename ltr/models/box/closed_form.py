"""The energy head as the tracker runs it: energies of boxes and their gradient in closed form,
without a graph.

Batch norms are folded, and the modulation multiplies the pooled vectors, which is the same as
multiplying the maps, for pooling is linear: one weight matrix serves all targets.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ltr.models.backbone import Taps
from ltr.models.box.energy import STRIDES, EnergyHead
from ltr.models.box.pooling import bin_edges, hat, hat_integral
from ltr.models.box.window import (
    Convolutions,
    FeatureWindow,
    features_in,
    limits_xy,
    whole_map,
    window_around,
)
from ltr.models.fused_convolution import FusedConvolution
from ltr.models.tracking_network import BoxEnergies
from ltr.transfer import constant


class Branch(NamedTuple):
    """What one branch does at one stride: maps of C channels, P x P bins of a box pooled from them,
    and a hidden layer of M numbers, relu(W v + b) . u, where v holds the modulated pooled
    values."""

    stride: int
    bins: int
    """P."""
    convolutions: Convolutions
    """Those that make the feature map."""
    weight: Tensor
    """W, (M, P P C), columns in the order (bin row, bin column, channel): for the gradient."""
    transposed: Tensor
    """W^T, contiguous: for the energy. Both read in order what they need, twice as fast on a
    CPU."""
    bias: Tensor
    """b, (M,)."""
    output: Tensor
    """u, (M,)."""


class ConditionedBranch(NamedTuple):
    """A branch for given targets."""

    branch: Branch
    modulation: Tensor
    """(B, 1, 1, 1, C)."""


class FeatureMaps(NamedTuple):
    """What one branch pools from, for B targets: windows of maps that are zero beyond their
    borders."""

    maps: Tensor
    """(B, h, w, C)."""
    transposed: Tensor
    """(B, w, h, C), contiguous."""
    cells_xy: Tensor
    """(B, 1, 2, 1, max(h, w)) float64, the map cells of the window's columns and rows."""


class ConditionedClosedForm(NamedTuple):
    """The closed form for given targets: made once for them, good for any frame."""

    branches: tuple[ConditionedBranch, ConditionedBranch]
    bias: Tensor
    """(1,)."""

    def energies_of(self, taps: Taps, boxes_xywh: Tensor) -> BoxEnergies:
        """The energies of boxes in crops whose trunk features are `taps`.

        On the CPU feature maps are computed only where boxes reach, first around `boxes_xywh` (B,
        N, 4) with a margin for their way, and around others once one of them leaves; on other
        devices they are whole, so that no shape depends on boxes."""
        if taps.stride8.device.type != "cpu":
            return self.energies_on_whole_maps(taps)
        return _EnergiesOnWindows(self, taps, boxes_xywh)

    def energies_on_whole_maps(self, taps: Taps) -> BoxEnergies:
        """The same without any window."""
        windows = [whole_map(tap.shape[-2:], len(tap)) for tap in taps]
        return partial(_energies, self, _feature_maps(self, taps, windows))


class ClosedFormHead:
    """The inference form of an `EnergyHead` whose batch norms are folded."""

    def __init__(self, head: EnergyHead) -> None:
        self._head = head
        config, layers = head.config, (head.fc3_rt.linear, head.fc4_rt.linear)
        self.modulation_size = sum(config.channels)
        outputs = head.iou_predictor.weight[0].split(config.hidden)
        self._padded = (
            (head.conv3_1t[0], head.conv3_2t[0]),
            (head.conv4_1t[0], head.conv4_2t[0]),
        )
        self._branches = tuple(
            _branch(
                stride,
                bins,
                (_for_windows(first), _for_windows(second)),
                _channels_behind(linear.weight, bins),
                linear.bias,
                output,
            )
            for stride, bins, (first, second), linear, output in zip(
                STRIDES, config.bins, self._padded, layers, outputs, strict=True
            )
        )

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Tensor:
        """Both modulation vectors, (B, M), of targets with boxes (B, 4) in crops whose trunk
        features are `taps`."""
        return torch.cat(self._head.modulation(taps, boxes_xywh), dim=1)

    def conditioned(self, modulation: Tensor) -> ConditionedClosedForm:
        """The head for targets with `modulation` (B, M).

        Many share its weights. A single one on the CPU gets weights of its own, without the
        channels that its modulation switches off: exact, and half the work where half of them are
        zero."""
        vectors = modulation.split(self._head.config.channels, dim=1)
        alone = len(modulation) == 1 and modulation.device.type == "cpu"
        stride8, stride16 = (
            _packed(branch, weights, second)
            if alone
            else ConditionedBranch(branch, weights[:, None, None, None])
            for branch, weights, (_, second) in zip(
                self._branches, vectors, self._padded, strict=True
            )
        )
        return ConditionedClosedForm((stride8, stride16), self._head.iou_predictor.bias)


class _EnergiesOnWindows:
    """The energies of boxes of one frame, on windows of feature maps that follow the boxes."""

    def __init__(self, head: ConditionedClosedForm, taps: Taps, boxes_xywh: Tensor) -> None:
        self._head, self._taps = head, taps
        self._move_to(boxes_xywh)

    def __call__(self, boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
        corner, size = boxes_xywh.split(2, dim=-1)
        outside = (corner < self._least) | (corner + size > self._most)
        if (outside & boxes_xywh.isfinite().all(-1, keepdim=True)).any():
            self._move_to(boxes_xywh)
        return _energies(self._head, self._maps, boxes_xywh)

    def _move_to(self, boxes_xywh: Tensor) -> None:
        """New windows, and how far boxes may reach in them: (B, 1, 2) pixels as (x, y)."""
        taps, strides = self._taps, [b.branch.stride for b in self._head.branches]
        sizes = [tap.shape[-2:] for tap in taps]
        windows = [
            window_around(boxes_xywh, stride, size)
            for stride, size in zip(strides, sizes, strict=True)
        ]
        (least8, most8), (least16, most16) = map(limits_xy, windows, strides, sizes)
        self._least = torch.maximum(least8, least16)
        self._most = torch.minimum(most8, most16)
        self._maps = _feature_maps(self._head, taps, windows)


def _feature_maps(
    head: ConditionedClosedForm, taps: Taps, windows: list[FeatureWindow]
) -> tuple[FeatureMaps, FeatureMaps]:
    stride8, stride16 = (
        _maps_in(tap, conditioned.branch.convolutions, window)
        for tap, conditioned, window in zip(taps, head.branches, windows, strict=True)
    )
    return stride8, stride16


def _maps_in(tap: Tensor, convolutions: Convolutions, window: FeatureWindow) -> FeatureMaps:
    maps = features_in(tap, convolutions, window).permute(0, 2, 3, 1)
    cells = torch.arange(max(window.size), dtype=torch.float64, device=maps.device)
    low_yx = torch.zeros(len(maps), 2, dtype=torch.float64, device=maps.device)
    if maps.device.type == "cpu":
        low_yx += low_yx.new_tensor(window.low)
    cells_xy = cells + low_yx.flip(-1)[:, None, :, None, None]
    return FeatureMaps(maps, maps.transpose(1, 2).contiguous(), cells_xy)


def _energies(
    head: ConditionedClosedForm, maps: tuple[FeatureMaps, FeatureMaps], boxes_xywh: Tensor
) -> tuple[Tensor, Tensor]:
    energy8, gradient8 = _branch_energies(head.branches[0], maps[0], boxes_xywh)
    energy16, gradient16 = _branch_energies(head.branches[1], maps[1], boxes_xywh)
    return energy8 + energy16 + head.bias, gradient8 + gradient16


def _branch_energies(
    conditioned: ConditionedBranch, feature_maps: FeatureMaps, boxes_xywh: Tensor
) -> tuple[Tensor, Tensor]:
    """What one branch adds to the energies (B, N), and its gradient (B, N, 4).

    Pooling is pooled = Wy F Wx^T (`pooling`), so by the chain rule dE/dWx = sum over bin rows of
    dE/dpooled (Wy F)^T and dE/dWy = sum over bin columns of dE/dpooled (F Wx^T)^T, and what a
    coordinate adds is the sum over bins and cells of dE/dW dW/dcoordinate."""
    branch, modulation = conditioned
    (batch, count), bins = boxes_xywh.shape[:2], branch.bins
    maps = feature_maps.maps
    height, width, channels = maps.shape[1:]
    tables = axis_tables(boxes_xywh, feature_maps.cells_xy, branch.stride, bins).to(maps.dtype)
    across, down = tables[0].unbind(2)  # Wx and Wy, (B, N, P, n)
    across_by, down_by = tables[1:, :, :, 0], tables[1:, :, :, 1]  # (2, B, N, P, n)
    across, down = across[..., :width], down[..., :height]

    stripes = down.flatten(1, 2) @ maps.flatten(2)  # Wy F
    stripes = stripes.view(batch, count, bins, width, channels)  # (B, N, P, w, C)
    pooled = across[:, :, None] @ stripes  # (B, N, P, P, C)
    modulated = (pooled * modulation).view(batch * count, -1)  # (B N, P P C)
    hidden = torch.addmm(branch.bias, modulated, branch.transposed)  # (B N, M)
    energy = hidden.relu() @ branch.output  # (B N,)

    by_modulated = ((hidden > 0) * branch.output) @ branch.weight  # (B N, P P C)
    by_pooled = by_modulated.view(batch, count, bins, bins, channels) * modulation
    columns = across.flatten(1, 2) @ feature_maps.transposed.flatten(2)  # F Wx^T
    columns = columns.view(batch, count, bins, height, channels)  # (B, N, P, h, C)
    by_across = (by_pooled @ stripes.transpose(-1, -2)).sum(2)  # (B, N, P, w)
    by_down = (by_pooled.transpose(2, 3) @ columns.transpose(-1, -2)).sum(2)  # (B, N, P, h)
    by_xw = (by_across * across_by[..., :width]).sum((-2, -1))  # (2, B, N)
    by_yh = (by_down * down_by[..., :height]).sum((-2, -1))  # (2, B, N)
    gradient = torch.stack([by_xw[0], by_yh[0], by_xw[1], by_yh[1]], dim=-1)
    return energy.view(batch, count), gradient


def axis_tables(boxes_xywh: Tensor, cells_xy: Tensor, stride: int, bins: int) -> Tensor:
    """(3, B, N, 2, P, n) float64, on both axes (x, y): the mean of each cell's hat over each bin,
    and its derivatives with respect to the box's low edge and its size.

    With e_k = low + size k / P the edges, A the integral of the hat and s = P / size, the mean is
    s (A(e_k+1 - i) - A(e_k - i)); by low its derivative is s (hat(e_k+1 - i) - hat(e_k - i)), by
    size the same with each hat times its k / P, less the mean over the size."""
    low, size = (boxes_xywh.double() / stride).split(2, dim=-1)  # (B, N, 2), in cells
    edges = bin_edges(low, size, bins)
    fraction = constant(tuple(k / bins for k in range(bins + 1)), edges.device, torch.float64)
    offset = edges[..., None] - cells_xy
    hats = hat(offset)
    # the integral of each hat up to each edge, and its derivatives
    integrals = torch.stack([hat_integral(offset), hats, hats * fraction[:, None]])
    per_bin = ((size > 0) * bins / size.clamp(min=1e-300))[..., None, None]
    tables = (integrals[..., 1:, :] - integrals[..., :-1, :]) * per_bin
    tables[2] -= tables[0] * (per_bin / bins)
    tables[1:] /= stride
    return tables


def _branch(
    stride: int,
    bins: int,
    convolutions: Convolutions,
    weight: Tensor,
    bias: Tensor,
    output: Tensor,
) -> Branch:
    return Branch(
        stride=stride,
        bins=bins,
        convolutions=convolutions,
        weight=weight,
        transposed=weight.t().contiguous(),
        bias=bias,
        output=output,
    )


def _packed(branch: Branch, modulation: Tensor, second: nn.Module) -> ConditionedBranch:
    """A branch for one target, `modulation` (1, C), without the channels of weight zero.

    second: the branch's second convolution, of all channels."""
    kept = modulation[0].nonzero()[:, 0]
    if not len(kept):
        kept = kept.new_zeros(1)  # no operator takes no channels; one of zeros is exact
    cells, channels = branch.bins**2, modulation.shape[1]
    weight = branch.weight.view(-1, cells, channels).index_select(2, kept).flatten(1)
    convolutions = branch.convolutions[0], _for_windows(second, kept)
    packed = _branch(branch.stride, branch.bins, convolutions, weight, branch.bias, branch.output)
    return ConditionedBranch(packed, modulation.index_select(1, kept)[:, None, None, None])


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
