"""Precise RoI pooling against exact numbers (README.md section 5 there)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ltr.models.box.pooling import pool

TAGS = {
    "1x1_s16": (1, 1, 16),
    "3x3_s16": (3, 3, 16),
    "4x4_s16": (4, 4, 16),
    "5x5_s16": (5, 5, 16),
    "2x3_s16": (2, 3, 16),
}
TAGS["3x3_s8"] = (3, 3, 8)


@pytest.mark.parametrize("tag", TAGS)
def test_pooling_and_gradients(golden, tag: str) -> None:  # type: ignore[no-untyped-def]
    data = golden("prroi_pool.npz")
    p, q, stride = TAGS[tag]
    features = torch.from_numpy(data["features"]).double().requires_grad_()
    rois = torch.from_numpy(data["rois"]).double().requires_grad_()
    image, corners = rois[:, 0].long(), rois[:, 1:]
    boxes = torch.cat([corners[:, :2], corners[:, 2:] - corners[:, :2]], dim=1)

    def pooled(dtype: torch.dtype) -> torch.Tensor:
        maps = features.to(dtype).permute(0, 2, 3, 1)[image]
        return pool(maps, boxes[:, None], stride, (p, q))[:, 0].permute(0, 3, 1, 2)

    out = pooled(torch.float64)
    np.testing.assert_allclose(out.detach(), data[f"out_{tag}"], atol=1e-10, rtol=0)
    upstream = torch.from_numpy(data[f"top_grad_{tag}"]).double()
    by_features, by_rois = torch.autograd.grad((out * upstream).sum(), (features, rois))
    np.testing.assert_allclose(by_features, data[f"grad_features_{tag}"], atol=1e-10, rtol=1e-6)
    np.testing.assert_allclose(
        by_rois[:, 1:], data[f"grad_rois_{tag}"][:, 1:], atol=1e-6, rtol=1e-6
    )
    np.testing.assert_allclose(
        pooled(torch.float32).detach(), data[f"out_{tag}"], atol=1e-6, rtol=0
    )
