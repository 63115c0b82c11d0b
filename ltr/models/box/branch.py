"""One branch of the box head as the tracker runs it: what it pools from the maps of its stride, and
what that adds to the energies of boxes, with the gradient in closed form."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ltr.models.box.pooling import bin_edges, bin_weights, hat, hat_integral
from ltr.models.box.window import Convolutions, FeatureWindow, features_in
from ltr.transfer import constant


class ProposalLayer(NamedTuple):
    """A hidden layer of the proposal head: P x P bins of a box's surroundings -> relu(W v + b)."""

    bins: int
    """P."""
    transposed: Tensor
    """W^T, (P P C, M), rows in the order (bin row, bin column, channel)."""
    bias: Tensor
    """b, (M,)."""


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
    proposal: ProposalLayer | None
    """The same for the proposal head, from the same maps."""


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


def maps_in(tap: Tensor, convolutions: Convolutions, window: FeatureWindow) -> FeatureMaps:
    maps = features_in(tap, convolutions, window).permute(0, 2, 3, 1)
    cells = torch.arange(max(window.size), dtype=torch.float64, device=maps.device)
    low_yx = torch.zeros(len(maps), 2, dtype=torch.float64, device=maps.device)
    if maps.device.type == "cpu":
        low_yx += low_yx.new_tensor(window.low)
    cells_xy = cells + low_yx.flip(-1)[:, None, :, None, None]
    return FeatureMaps(maps, maps.transpose(1, 2).contiguous(), cells_xy)


def pooled_values(
    conditioned: ConditionedBranch, feature_maps: FeatureMaps, boxes_xywh: Tensor, bins: int
) -> Tensor:
    """The modulated values (B N, P P C) of boxes (B, N, 4)."""
    (batch, count), maps = boxes_xywh.shape[:2], feature_maps.maps
    height, width, channels = maps.shape[1:]
    low, size = (boxes_xywh.double() / conditioned.branch.stride).split(2, dim=-1)
    cells = feature_maps.cells_xy[..., 0, :]
    across, down = bin_weights(bin_edges(low, size, bins), cells).to(maps.dtype).unbind(2)
    stripes = down[..., :height].flatten(1, 2) @ maps.flatten(2)
    stripes = stripes.view(batch, count, bins, width, channels)
    pooled = across[:, :, None, :, :width] @ stripes  # (B, N, P, P, C)
    return (pooled * conditioned.modulation).view(batch * count, -1)


def branch_energies(
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
