"""Presets: every number of the online algorithm, as a value with unit and visible effect.

Defaults are those of the bundled networks (no training, no box head); a preset names only what differs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ltr.errors import ConfigError, suggestion
from ltr.models.tracker_net import STRIDE
from ltr.settings import setting

Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Search:
    """Where the target is looked for."""

    area: float = setting(
        5.0, "target sizes", "side of the searched square; larger survives faster motion, sees less detail", (1.2, 20)
    )
    crop_side: int = setting(
        288, "px", "side of the square that the network sees; larger is more precise and slower", (64, 1024)
    )
    crop_window: Literal["exact", "integer", "float"] = setting(
        "exact", "1", "exact: no rounding; integer or float: the rounding of the published trackers"
    )


@dataclass(frozen=True)
class SizeSearch:
    """How the size of the target is followed, by trying others."""

    ratios: tuple[float, ...] = setting((1.08, 1 / 1.08), "1", "other sizes tried, relative to the last one", (0.5, 2))
    interval: int = setting(
        2, "frames", "try other sizes on every n-th frame; fewer is faster and follows more slowly", (1, 10**6)
    )
    penalty: float = setting(0.985, "1", "factor on the scores of other sizes; lower keeps the size steadier", (0, 2))
    follow: float = setting(0.8, "1", "exponent on the ratio that won; 1 jumps to it, 0 never changes the size", (0, 1))
    min_side: float = setting(10.0, "px", "the target's shorter side never becomes smaller", (1, 1000))


@dataclass(frozen=True)
class FirstFrame:
    """The samples that the first filter is learned from, and how long."""

    shifts: Pairs = setting(
        ((86, 0), (-86, 0), (0, 86), (0, -86), (43, 43), (-43, -43)),
        "px of the crop",
        "shifted samples, as (down, right)",
        (-1000, 1000),
    )
    flip: bool = setting(True, "1", "a mirrored sample; off if a mirrored twin must be told apart")
    blurs: Pairs = setting(
        ((3, 1), (1, 3), (2, 2)), "px of the crop", "blurred samples, as sigma (down, right)", (0.1, 50)
    )
    rotations: tuple[float, ...] = setting((10.0, -10.0), "degrees", "rotated samples, counter-clockwise", (-180, 180))
    random_shift: float = setting(
        0.0, "crop sides", "range of a random shift of flipped, blurred and rotated samples", (0, 1)
    )
    expansion: float = setting(2.0, "crop sides", "side of the patch that the samples are cut from", (1, 4))
    iterations: int = setting(
        15, "1", "descent steps for the first filter; more fits the first frame more tightly", (0, 1000)
    )

    @property
    def count(self) -> int:
        """How many samples the first frame gives."""
        return 1 + len(self.shifts) + self.flip + len(self.blurs) + len(self.rotations)


@dataclass(frozen=True)
class Classifier:
    """What the filter learns to answer."""

    label_sigma: float = setting(
        0.9, "cells of 16 px", "width of the wanted peak; narrower is sharper and more easily lost", (0.1, 10)
    )


@dataclass(frozen=True)
class Localization:
    """When a peak counts as the target."""

    not_found_threshold: float = setting(0.2, "score", "below this peak the target is not moved: not_found", (-10, 10))


@dataclass(frozen=True)
class Memory:
    """The samples that the filter is learned from while tracking."""

    size: int = setting(50, "samples", "how many are kept; more remembers longer, updates are slower", (20, 10000))
    learning_rate: float = setting(
        0.012, "1", "weight of a new sample; higher adapts faster and forgets sooner", (0.0001, 0.5)
    )
    first_samples_weight: float = setting(
        0.25, "1", "share of the weight that the first frame never falls below", (0, 0.99)
    )
    store_threshold: float = setting(0.3, "score", "a frame enters the memory above this peak", (-10, 10))


@dataclass(frozen=True)
class Update:
    """When the filter is learned anew."""

    interval: int = setting(5, "frames", "descend on every n-th frame; fewer adapts faster and costs more", (1, 10**6))
    iterations: int = setting(2, "1", "descent steps each time", (0, 100))


@dataclass(frozen=True)
class TrackerPreset:
    """All settings of a tracker."""

    search: Search = field(default_factory=Search)
    size: SizeSearch = field(default_factory=SizeSearch)
    first_frame: FirstFrame = field(default_factory=FirstFrame)
    classifier: Classifier = field(default_factory=Classifier)
    localization: Localization = field(default_factory=Localization)
    memory: Memory = field(default_factory=Memory)
    update: Update = field(default_factory=Update)

    def __post_init__(self) -> None:
        if self.search.crop_side % STRIDE:
            raise ConfigError(f"setting 'search.crop_side' is {self.search.crop_side}, not a multiple of {STRIDE}")
        if self.first_frame.count >= self.memory.size:
            raise ConfigError(
                f"setting 'memory.size' is {self.memory.size}, "
                f"but the first frame alone gives {self.first_frame.count} samples"
            )


PRESETS: dict[str, TrackerPreset] = {"imagenet18": TrackerPreset(), "imagenet_mobile": TrackerPreset()}
"""By name; each bundled network has the preset of its own name."""


def preset_named(name: str) -> TrackerPreset:
    """A preset by name. Raises ConfigError with a suggestion."""
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}: {suggestion(name, PRESETS)}")
    return PRESETS[name]
