"""Precise RoI pooling in closed form: the exact mean of a feature map's bilinear interpolant over
the bins of a box (Jiang et al. 2018, section 3.2).

The interpolant is F(x, y) = sum_ji F[j, i] hat(x - i) hat(y - j), zero beyond one cell outside of
the map. Its mean over a bin is separable: pooled = Wy F Wx^T, where a row of W is the mean of the
hats over a bin: two matrix products, no compiled extension, differentiable twice, and it exports
like any matrix product.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ltr.transfer import constant


def hat_integral(u: Tensor) -> Tensor:
    """The integral of hat(t) = max(0, 1 - |t|) from -inf to u: 0 up to -1, 1 from 1 on."""
    u = u.clamp(-1, 1)
    return 0.5 + u - 0.5 * u * u.abs()


def hat(u: Tensor) -> Tensor:
    """max(0, 1 - |u|)."""
    return (1 - u.abs()).clamp(min=0)


def bin_edges(low: Tensor, size: Tensor, bins: int) -> Tensor:
    """Edges of `bins` equal bins, (...) and (...) -> (..., bins + 1); a negative size counts as
    zero."""
    fraction = constant(tuple(k / bins for k in range(bins + 1)), low.device, low.dtype)
    return low[..., None] + size.clamp(min=0)[..., None] * fraction


def bin_weights(edges: Tensor, cells: Tensor) -> Tensor:
    """The mean of each cell's hat over each bin: edges (..., P + 1) and cells (..., n) in cells ->
    (..., P, n).

    Bins without length give zero."""
    integral = hat_integral(edges[..., None] - cells[..., None, :])
    length = (edges[..., 1:] - edges[..., :-1])[..., None]
    empty = length <= 0
    return torch.where(empty, 0.0, integral[..., 1:, :] - integral[..., :-1, :]) / torch.where(
        empty, 1.0, length
    )


def pool(features: Tensor, boxes_xywh: Tensor, stride: float, bins: tuple[int, int]) -> Tensor:
    """Means of `features` (B, H, W, C) over P x Q bins of boxes (B, N, 4) -> (B, N, P, Q, C).

    Boxes are in pool format: left edge, pixels of the crop, with feature cell i at pixel i *
    stride. A box without area gives zeros."""
    batch, height, width, channels = features.shape
    count, (p, q) = boxes_xywh.shape[1], bins
    # the tables are tiny: float64 saves two digits for boxes below a cell
    x, y, w, h = (boxes_xywh.double() / stride).unbind(-1)
    rows, columns = (
        torch.arange(n, dtype=torch.float64, device=features.device) for n in (height, width)
    )
    weights_y = bin_weights(bin_edges(y, h, p), rows).to(features.dtype)
    weights_x = bin_weights(bin_edges(x, w, q), columns).to(features.dtype)
    stripes = (weights_y.flatten(1, 2) @ features.flatten(2)).view(batch, count, p, width, channels)
    return weights_x[:, :, None] @ stripes
