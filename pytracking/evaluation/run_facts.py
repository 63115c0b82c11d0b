"""What a folder of results came from, so that a run goes on, and can be made again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ltr.errors import ConfigError, ResultError
from ltr.files import write_text
from ltr.paths import read_regular
from ltr.settings import as_dict, from_dict
from ltr.settings.difference import differences
from pytracking.tracker.preset_settings import TrackerPreset

FACTS = "evaluation.json"
"""The file in a folder of results."""


@dataclass(frozen=True)
class RunFacts:
    """One run of one tracker over a benchmark."""

    benchmark: str
    """Its name, or a folder of sequences."""
    network: str
    """By name or file."""
    sha256: str
    """Of the network's file."""
    seed: int
    preset: TrackerPreset
    version: str
    """Of pytracking."""
    device: str
    batch: int
    """So many sequences were tracked at once."""

    def differences(self, other: RunFacts) -> list[str]:
        """In what another run differs that decides its boxes: "name there, not here" each."""
        pairs = differences(self._deciding(), other._deciding())
        return [f"{name} {theirs}, not {ours}" for name, ours, theirs in pairs]

    def _deciding(self) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark,
            "network": self.sha256,
            "seed": self.seed,
            **as_dict(self.preset),
        }


def write_facts(folder: Path, facts: RunFacts) -> None:
    """Raises ResultError."""
    content = {**asdict(facts), "preset": as_dict(facts.preset), "program": "pytracking"}
    write_text(folder / FACTS, json.dumps(content, indent=1) + "\n", "facts of the run")


def read_facts(folder: Path) -> RunFacts | None:
    """The facts of a folder; None where there are none. Raises ResultError where they cannot be
    read."""
    path = folder / FACTS
    try:
        content = json.loads(read_regular(path))
        if not isinstance(content, dict) or content.pop("program", None) != "pytracking":
            raise ValueError("it is not of pytracking")
        preset = from_dict(TrackerPreset, content.pop("preset"), f" (in {path})")
        facts = RunFacts(preset=preset, **content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, RecursionError, ConfigError) as error:
        why = getattr(error, "strerror", None) or error
        raise ResultError(
            f"cannot read {path}: {why}; was it written by a newer version?"
        ) from None
    hints = {"seed": int, "batch": int}
    for name, value in content.items():
        if not isinstance(value, hints.get(name, str)):
            raise ResultError(f"{path} says {name} = {value!r:.60}: it is damaged")
    return facts
