"""Engines by network and settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ltr.models.folding import InferenceNet
from ltr.settings import with_assignments
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.presets import preset_named

REFINED = [
    "localization.not_found_threshold=-1e9",  # the weights are no trained ones: every frame is to be refined
    "update.interval=5",
    "update.hard_negative_iterations=3",
]


def engine_of(
    networks: Callable[[str], InferenceNet], network: str, settings: Sequence[str]
) -> TrackerEngine:
    return TrackerEngine(networks(network), with_assignments(preset_named(network), settings))
