"""Networks and short clips that several tests track with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from published_weights import filled_net

from ltr.images import Frame
from ltr.models.folding import InferenceNet, fold
from ltr.models.zoo import NETWORKS
from pytracking.sources.demo_clip import DemoClip


@pytest.fixture(scope="session")
def networks(
    shared: Path, inference_net: Callable[[str], InferenceNet]
) -> Callable[[str], InferenceNet]:
    """Bundled networks, and dimp18 with the reference's deterministic weights."""
    made: dict[str, InferenceNet] = {}

    def get(name: str) -> InferenceNet:
        if name not in NETWORKS:
            return inference_net(name)
        if name not in made:
            made[name] = fold(filled_net(name, shared / "reference"))
        return made[name]

    return get


@pytest.fixture(scope="session")
def clip() -> list[Frame]:
    return [DemoClip(0).frame(k) for k in range(12)]
