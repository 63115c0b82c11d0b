"""The six networks with the reference's deterministic weights."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import torch
from published_weights import fill_state

from ltr.models.tracker_net import TrackerNet
from ltr.models.zoo import NETWORKS

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")],
    ),
]
"""For tests that run on CUDA where there is one; `conftest.py` keeps TF32 off."""


@lru_cache(maxsize=2)
def reference_net(name: str, reference: Path) -> TrackerNet:
    """`name` of NETWORKS, filled by the rule of README.md section 1 there."""
    state = {
        key: tensor
        for key, tensor in fill_state(name, reference).items()
        if not key.startswith(("feature_extractor.layer4.", "feature_extractor.fc."))
    }
    net = TrackerNet(NETWORKS[name])
    net.load_state_dict(state, strict=True)
    return net.eval().requires_grad_(False)


def channels_last(features: torch.Tensor) -> torch.Tensor:
    """(..., C, H, W) -> (..., H, W, C)."""
    return features.movedim(-3, -1).contiguous()
