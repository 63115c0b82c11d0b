"""The six networks with the reference's deterministic weights."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest
import torch
from published_weights import filled_net

from ltr.models.tracker_net import TrackerNet

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.gpu,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
        ],
    ),
]
"""For tests that run on CUDA where there is one; `conftest.py` keeps TF32 off."""


@lru_cache(maxsize=2)
def reference_net(name: str, reference: Path) -> TrackerNet:
    """`name` of NETWORKS, filled by the rule of README.md section 1 there."""
    return filled_net(name, reference)


def channels_last(features: torch.Tensor) -> torch.Tensor:
    """(..., C, H, W) -> (..., H, W, C)."""
    return features.movedim(-3, -1).contiguous()
