"""Every number of the online algorithm, as a typed setting with unit and visible effect.

Defaults are those of the networks imagenet_* (no training, no box head)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ltr.errors import ConfigError
from ltr.models.stride import STRIDE
from ltr.settings import group, setting

Pairs = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
@group
class Search:
    """Where the target is looked for."""

    area: float = setting(
        5.0,
        "target sizes",
        "side of the searched square; larger survives faster motion, sees less detail",
        (1.2, 20),
    )
    crop_side: int = setting(
        288,
        "px",
        "side of the square that the network sees; larger is more precise and slower",
        (64, 1024),
    )
    crop_window: Literal["exact", "integer", "float"] = setting(
        "exact", "1", "exact: no rounding; integer or float: the rounding of the published trackers"
    )
    border: Literal["replicate", "inside", "inside_major"] = setting(
        "replicate",
        "1",
        "beyond the frame: replicate repeats its border; inside and inside_major move and shrink "
        "the square into it",
    )
    max_scale_change: float = setting(
        1.5, "1", "by how much `border` may shrink the searched square", (1, 100)
    )


@dataclass(frozen=True)
@group
class SizeSearch:
    """How the size of the target is followed, by trying others."""

    ratios: tuple[float, ...] = setting(
        (1.08, 1 / 1.08), "1", "other sizes tried, relative to the last one", (0.5, 2)
    )
    interval: int = setting(
        2,
        "frames",
        "try other sizes on every n-th frame; larger is faster and follows more slowly",
        (1, 10**6),
    )
    penalty: float = setting(
        0.985, "1", "factor on the scores of other sizes; lower keeps the size steadier", (0, 2)
    )
    follow: float = setting(
        0.8, "1", "exponent on the ratio that won; 1 jumps to it, 0 never changes the size", (0, 1)
    )
    min_side: float = setting(
        10.0, "px", "the target's shorter side never becomes smaller", (1, 1000)
    )


@dataclass(frozen=True)
@group
class FirstFrame:
    """The samples that the first filter is learned from, and how long."""

    shifts: Pairs = setting(
        ((0.6, 0), (-0.6, 0), (0, 0.6), (0, -0.6), (0.3, 0.3), (-0.3, -0.3)),
        "half crop sides",
        "shifted samples, as (down, right)",
        (-4, 4),
    )
    flip: bool = setting(True, "1", "a mirrored sample; off if a mirrored twin must be told apart")
    blurs: Pairs = setting(
        ((3, 1), (1, 3), (2, 2)),
        "px of the crop",
        "blurred samples, as sigma (down, right)",
        (0.1, 50),
    )
    rotations: tuple[float, ...] = setting(
        (10.0, -10.0), "degrees", "rotated samples, counter-clockwise", (-180, 180)
    )
    random_shift: float = setting(
        0.0, "crop sides", "range of a random shift of flipped, blurred and rotated samples", (0, 1)
    )
    expansion: float = setting(
        2.0, "crop sides", "side of the patch that the samples are cut from", (1, 4)
    )
    dropout_copies: int = setting(
        0, "samples", "copies of the first sample with channels left out", (0, 100)
    )
    dropout: float = setting(0.2, "1", "share of the channels that such a copy lacks", (0, 0.9))
    iterations: int = setting(
        15,
        "1",
        "descent steps for the first filter; more fits the first frame more tightly",
        (0, 1000),
    )

    @property
    def upright(self) -> int:
        """How many of the samples, the first ones, are not rotated."""
        return 1 + len(self.shifts) + self.flip + len(self.blurs)

    @property
    def count(self) -> int:
        """How many samples the first frame gives."""
        return self.upright + len(self.rotations) + self.dropout_copies


@dataclass(frozen=True)
@group
class Localization:
    """What a score map says of the target: where it is, and whether that can be trusted."""

    raw_scores: bool = setting(
        False,
        "1",
        "whether the filter's output is taken as it is where the network makes it a probability, "
        "as one published tracker does",
    )
    subcell: bool = setting(True, "1", "whether a peak is placed between cells, by a parabola")
    hann_window: bool = setting(
        False, "1", "whether scores far from the middle of the search area count less"
    )
    hann_window_area: float = setting(
        0.0, "target sizes", "side of that window; 0: the searched square", (0, 20)
    )
    not_found_threshold: float = setting(
        0.2, "score", "below this peak the target is not moved: not_found", (-1e9, 1e9)
    )
    uncertain_threshold: float = setting(
        0.3,
        "score",
        "below this peak the frame is not learned from: uncertain",
        (-1e9, 1e9),
        off=(-1e9, -1e6),
    )
    hard_sample_threshold: float = setting(
        -1e9,
        "score",
        "below this peak the filter learns at once: hard_negative",
        (-1e9, 1e9),
        off=(-1e9, -1e6),
    )
    distractor_threshold: float = setting(
        1e6,
        "of the peak",
        "a second peak above this share is a rival: the nearer one is chosen",
        (0, 1e9),
        off=(1e4, 1e9),
    )
    hard_negative_threshold: float = setting(
        1e6,
        "of the peak",
        "after a second peak above this share the filter learns at once",
        (0, 1e9),
        off=(1e4, 1e9),
    )
    neighbourhood: float = setting(
        2.2, "target sizes", "side of the area in which no second peak is looked for", (0, 20)
    )
    displacement: float = setting(
        0.8,
        "half sides of the map",
        "a peak farther from the last place counts as far away",
        (0, 10),
    )
    inside: float = setting(
        0.2, "target sizes", "how much of the target stays within the frame", (-10, 0.5)
    )


@dataclass(frozen=True)
@group
class Refinement:
    """How the box is fitted to the target, by ascent on the network's energy of boxes."""

    space: Literal["none", "default", "relative"] = setting(
        "none",
        "1",
        "none: the size search alone; default: steps in pixels; relative: in sizes and their "
        "logarithms",
    )
    iterations: int = setting(5, "1", "ascent steps; more fits better and costs more", (1, 1000))
    step: tuple[float, float] = setting(
        (1.0, 1.0), "1", "step lengths of (position, size)", (0, 1000)
    )
    step_decay: float = setting(1.0, "1", "factor on the step length after each step", (0, 1))
    random_boxes: int = setting(
        9, "boxes", "further boxes to start from; more is steadier and slower", (0, 1000)
    )
    jitter_position: float = setting(0.1, "target sizes", "range of their places", (0, 10))
    jitter_size: float = setting(0.5, "target sizes", "range of their sizes", (0, 10))
    average: int = setting(3, "boxes", "how many of the best are averaged", (1, 1000))
    max_aspect: float = setting(
        6.0, "1", "boxes longer than this many widths, or wider, are rejected", (1, 1000)
    )
    size_when_uncertain: bool = setting(
        True, "1", "whether an uncertain frame may change the searched size"
    )
    learn_refined: bool = setting(True, "1", "whether samples are stored at the refined place")
    augmented: bool = setting(
        False, "1", "whether the target's modulation is averaged over the first frame's samples"
    )
    half_pixel_shift: bool = setting(
        False,
        "1",
        "move the box by half a crop pixel down and right, as the published trackers do in every "
        "frame",
    )
    stale_place: bool = setting(
        False,
        "1",
        "return to the last refined place if all boxes are rejected, as the published trackers do",
    )
    search_follows: bool = setting(
        True,
        "1",
        "whether the next frame is searched, and this one learned from, at the fitted box; if not, "
        "the size search alone decides both, and the fitted box is only reported",
    )
    share: tuple[float, float, float] = setting(
        (1.0, 1.0, 1.0),
        "1",
        "how far (place, area, aspect) go from the box that is searched to the fitted one, the "
        "latter two by their logarithms; less is steadier and follows less",
        (0, 1),
    )
    calibration: float = setting(
        0.0,
        "target sizes",
        "most of the head's bias on the given box of the first frame, in place and log size, that "
        "is taken off every fitted box; 0: none",
        (0, 2),
    )
    method: Literal["ascent", "sampling", "sampling_ascent"] = setting(
        "ascent",
        "1",
        "ascent: from jittered boxes up the energy; sampling: the mean of boxes that the proposal "
        "head draws, weighted by energy, with a spread; sampling_ascent: from that mean up",
    )
    samples: int = setting(
        128, "boxes", "drawn by sampling; more is steadier and slower", (2, 4096)
    )
    energy_share: float = setting(
        1.0,
        "1",
        "of sampled boxes: 1 weighs them by the energy alone, 0 by the proposal; less is steadier",
        (0, 1),
    )


@dataclass(frozen=True)
@group
class Memory:
    """The samples that the filter is learned from while tracking."""

    size: int = setting(
        50, "samples", "how many are kept; more remembers longer, updates are slower", (2, 10000)
    )
    learning_rate: float = setting(
        0.012, "1", "weight of a new sample; higher adapts faster and forgets sooner", (0.0001, 1)
    )
    hard_negative_rate: float = setting(
        0.012, "1", "the same in a hard_negative frame", (0.0001, 1)
    )
    first_samples_weight: float = setting(
        0.25, "1", "share of the weight that the first frame never falls below", (0, 0.99)
    )
    interval: int = setting(
        1, "frames", "store every n-th frame, and every hard_negative one", (1, 10**6)
    )


@dataclass(frozen=True)
@group
class Update:
    """When the filter is learned anew."""

    interval: int = setting(
        5, "frames", "descend on every n-th frame; smaller adapts faster and costs more", (1, 10**6)
    )
    iterations: int = setting(2, "1", "descent steps each time", (0, 100))
    hard_negative_iterations: int = setting(
        1, "1", "descent steps after a hard_negative frame", (0, 100)
    )
    low_score_threshold: float = setting(
        -1e9,
        "score",
        "below this score a stored frame is learned from at once",
        (-1e9, 1e9),
        off=(-1e9, -1e6),
    )
    low_score_iterations: int = setting(1, "1", "descent steps after such a frame", (0, 100))
    only_trusted: bool = setting(
        False,
        "1",
        "skip an update that falls on an uncertain or not_found frame, as the published trackers "
        "do",
    )


@dataclass(frozen=True)
@group
class Output:
    """What is reported."""

    not_found_box: bool = setting(
        False, "1", "report -1,-1,-1,-1 for a target that is not found, not its last box"
    )


@dataclass(frozen=True)
@group
class TrackerPreset:
    """All settings of a tracker."""

    search: Search = field(default_factory=Search)
    size: SizeSearch = field(default_factory=SizeSearch)
    first_frame: FirstFrame = field(default_factory=FirstFrame)
    localization: Localization = field(default_factory=Localization)
    refinement: Refinement = field(default_factory=Refinement)
    memory: Memory = field(default_factory=Memory)
    update: Update = field(default_factory=Update)
    output: Output = field(default_factory=Output)

    def __post_init__(self) -> None:
        if self.search.crop_side % STRIDE:
            raise ConfigError(
                f"setting 'search.crop_side' is {self.search.crop_side}, not a multiple of {STRIDE}"
            )
        if self.search.crop_window == "exact" and self.search.border != "replicate":
            raise ConfigError(
                f"setting 'search.border' is {self.search.border!r}, which the exact crop window "
                "does not know: "
                "set search.crop_window to 'integer' or 'float', or search.border to 'replicate'"
            )
        if self.first_frame.count >= self.memory.size:
            raise ConfigError(
                f"setting 'memory.size' is {self.memory.size}, "
                f"but the first frame alone gives {self.first_frame.count} samples"
            )
