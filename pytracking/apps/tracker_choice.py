"""Which tracker, as it is said on a command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ltr.settings import with_assignments, with_toml
from pytracking.api import Tracker, load_engine
from pytracking.apps.preset_choice import preset_of
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.preset_settings import TrackerPreset


@dataclass(frozen=True)
class TrackerChoice:
    """Which tracker, as it is said on a command line."""

    network: str
    preset: str | None
    """A name or a file NAME.toml; None for the network's own."""
    settings: Path | None
    assignments: Sequence[str]
    device: str
    seed: int

    def engine(self) -> TrackerEngine:
        """Raises ConfigError or CheckpointError."""
        preset = self.preset and preset_of(self.preset)
        return load_engine(self.network, preset, self.device, self.seed, self._changed)

    def load(self, name: str = "target") -> Tracker:
        """A tracker of one target. Raises ConfigError or CheckpointError."""
        return Tracker(self.engine(), name=name)

    def inputs(self) -> list[tuple[str, Path]]:
        """The files it is read from, each with what it is."""
        files = [("the network", Path(self.network)), ("the preset", Path(self.preset or ""))]
        settings = [("the settings", self.settings)] if self.settings else []
        return settings + [(what, path) for what, path in files if path.is_file()]

    def _changed(self, preset: TrackerPreset) -> TrackerPreset:
        if self.settings is not None:
            preset = with_toml(preset, self.settings)
        return with_assignments(preset, self.assignments)
