"""The target model's filter: scores = features * filter, and the adjoint with respect to the
filter.

Samples lie as (B, S, H, W, C). Both operations are one matrix product with (C, K K) and K K shifted
additions; as grouped convolutions over the same memory they cost nine times as much on a CPU.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def apply_filter(samples: Tensor, filters: Tensor) -> Tensor:
    """Cross-correlate each target's samples with its filter, zero padding K // 2.

    samples (B, S, H, W, C), filters (B, C, K, K) -> scores (B, S, H', W') with H' = H + 1 for even
    K, else H: s[y, x] = sum_{c,u,v} w[c, u, v] f[y + u - K//2, x + v - K//2, c]."""
    b, s, h, w, c = samples.shape
    k = filters.shape[-1]
    products = (samples.reshape(b, s * h * w, c) @ filters.reshape(b, c, k * k)).view(
        b, s, h, w, k, k
    )
    scores = products.new_zeros(b, s, h + k - 1, w + k - 1)
    for u in range(k):
        for v in range(k):
            scores[:, :, k - 1 - u : k - 1 - u + h, k - 1 - v : k - 1 - v + w] += products[
                ..., u, v
            ]
    first, extra = k - 1 - k // 2, (k + 1) % 2
    return scores[:, :, first : first + h + extra, first : first + w + extra]


def filter_adjoint(samples: Tensor, residuals: Tensor, filter_size: int) -> Tensor:
    """The adjoint of `apply_filter`: g[c, u, v] = sum_{s,y,x} r[s, y, x] f[s, y + u - K//2, x + v -
    K//2, c].

    samples (B, S, H, W, C), residuals (B, S, H', W') -> (B, C, K, K)."""
    b, s, h, w, c = samples.shape
    k = filter_size
    before, after = k - 1 - k // 2, k // 2 - (k + 1) % 2
    padded = F.pad(residuals, (before, after, before, after))
    shifted = padded.unfold(2, k, 1).unfold(3, k, 1)  # (B, S, H, W, K, K)
    shifted = shifted.permute(0, 4, 5, 1, 2, 3).reshape(b, k * k, s * h * w)
    gradient = shifted @ samples.reshape(b, s * h * w, c)
    return gradient.transpose(1, 2).reshape(b, c, k, k).flip(-1, -2)
