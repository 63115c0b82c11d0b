"""Which preset, as it is said on a command line."""

from __future__ import annotations

from pathlib import Path

from ltr.settings import with_toml
from pytracking.tracker.preset_settings import TrackerPreset
from pytracking.tracker.presets import preset_named


def preset_of(name: str) -> TrackerPreset:
    """A preset by name, or of a file NAME.toml of what differs from the defaults. Raises
    ConfigError."""
    return with_toml(TrackerPreset(), Path(name)) if name.endswith(".toml") else preset_named(name)
