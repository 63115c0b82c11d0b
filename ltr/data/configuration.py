"""The settings of training data: what is sampled, and what is done with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ltr.published_windows import Border
from ltr.settings import group, setting

Layout = Literal["videos", "folders", "lasot", "got10k", "trackingnet", "lmdb", "coco", "objects"]
Use = Literal["video", "motion", "composite"]
Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
@group
class Part:
    """One data set of the mix."""

    name: str = setting("videos", "1", "what logs call it")
    layout: Layout = setting("videos", "1", "how its files lie")
    path: str = setting("", "1", "its folder, below that of all data")
    names: str = setting(
        "",
        "1",
        "a file below that of all data with the names to be used, one a line: of tracks, or of "
        "folders of them; got10k: numbers of lines of list.txt, from 0, as its splits are",
    )
    weight: float = setting(1.0, "1", "its share of the samples, relative to others", (0, 1e6))
    use: Use = setting(
        "video",
        "1",
        "video: frames of a track, a photograph again and again; motion: one picture moved and "
        "changed for each frame; composite: an object pasted over other pictures",
    )


@dataclass(frozen=True, kw_only=True)
@group
class Sampling:
    """Which frames make a sample (DiMP)."""

    train_frames: int = setting(3, "frames", "frames that the filter is learned from", (1, 20))
    test_frames: int = setting(3, "frames", "frames that it is judged by", (1, 20))
    order: Literal["causal", "interval"] = setting(
        "causal", "1", "causal: test frames lie after the train frames; interval: around them"
    )
    max_gap: int = setting(
        30, "frames", "how far apart they lie; grows where too few are visible", (1, 10**6)
    )
    min_visible: int = setting(
        13, "frames", "videos with fewer visible frames are left out", (1, 10**6)
    )
    min_frames: int = setting(20, "frames", "shorter videos are left out", (1, 10**6))


@dataclass(frozen=True, kw_only=True)
@group
class Crops:
    """The window around a jittered place that is shown."""

    side: int = setting(288, "pixels", "side of the crop, a multiple of 16", (32, 1024))
    area: float = setting(5.0, "target sizes", "side of the square that is shown", (1, 20))
    window: Literal["exact", "published_2019", "published_2020"] = setting(
        "exact",
        "1",
        "exact: as it is; published_2019: as DiMP-18 and DiMP-50 were trained; published_2020: "
        "whole pixels, shifted inside the picture, as their successors were",
    )
    border: Border = setting(
        "replicate", "1", "what published_2020 does where the window leaves the picture"
    )
    max_scale_change: float = setting(
        1.5, "1", "how far the inside borders may shrink the window", (1, 100)
    )
    train_centre_jitter: float = setting(
        3.0, "target sizes", "range of the window's place in train frames", (0, 20)
    )
    test_centre_jitter: float = setting(4.5, "target sizes", "the same in test frames", (0, 20))
    train_scale_jitter: float = setting(
        0.25, "1", "deviation of the window's log size in train frames", (0, 2)
    )
    test_scale_jitter: float = setting(0.5, "1", "the same in test frames", (0, 2))


@dataclass(frozen=True, kw_only=True)
@group
class Photometry:
    """What happens to the pixels. Joint changes are one a sample, others one a frame."""

    joint_grey: float = setting(0.05, "1", "share of samples without colour", (0, 1))
    joint_flip: float = setting(0.0, "1", "share of samples that are mirrored", (0, 1))
    flip: float = setting(0.0, "1", "share of frames that are mirrored", (0, 1))
    brightness: float = setting(0.2, "1", "range of the factor on all channels", (0, 1))
    contrast: float = setting(0.0, "1", "range of the factor about the mean", (0, 1))
    saturation: float = setting(0.0, "1", "range of the factor about grey", (0, 1))
    hue: float = setting(0.0, "degrees", "range of the rotation of hue", (0, 180))
    blur: float = setting(0.0, "1", "share of frames that are blurred", (0, 1))
    blur_sigma: float = setting(3.0, "pixels", "greatest width of the blur, each axis", (0.1, 20))
    jpeg: float = setting(0.0, "1", "share of frames that are compressed", (0, 1))
    jpeg_quality: tuple[int, int] = setting((15, 80), "1", "range of the quality", (1, 100))
    coarse: float = setting(0.0, "1", "share of frames shown at a lower resolution", (0, 1))
    coarse_factor: float = setting(4.0, "1", "greatest loss of resolution", (1, 16))
    noise: float = setting(0.0, "1", "share of frames with noise of the sensor", (0, 1))
    noise_deviation: float = setting(12.0, "grey levels", "greatest deviation of it", (0, 128))


@dataclass(frozen=True, kw_only=True)
@group
class Motion:
    """How a photograph, or a pasted object, differs from frame to frame."""

    scale: float = setting(0.2, "1", "deviation of the log size", (0, 2))
    aspect: float = setting(0.1, "1", "deviation of the log aspect", (0, 1))
    rotation: float = setting(10.0, "degrees", "deviation of the angle", (0, 90))
    flip: float = setting(0.0, "1", "share of frames that are mirrored", (0, 1))
    largest: float = setting(
        1.0,
        "1",
        "side of the target relative to its photograph's, each the root of an area, up to which "
        "photographs are sought: around larger targets most of the crop is repeated border",
        (0.01, 1),
    )
    shift: float = setting(
        1.0, "target sizes", "deviation of a pasted thing's way between frames", (0, 10)
    )


@dataclass(frozen=True, kw_only=True)
@group
class Composition:
    """What is pasted beside and over a pasted object."""

    size: Pair = setting(
        (0.7, 1.4), "1", "range of its size relative to what the window makes of it", (0.1, 10)
    )
    distractors: int = setting(3, "things", "greatest number of others beside the target", (0, 20))
    same_kind: float = setting(
        0.6, "1", "share of distractors of the target's own category", (0, 1)
    )
    twins: float = setting(0.1, "1", "share of distractors that are the target itself", (0, 1))
    occluded: float = setting(0.2, "1", "share of frames with something before the target", (0, 1))
    occlusion: float = setting(0.5, "1", "greatest share of the target that is covered", (0, 0.95))


@dataclass(frozen=True, kw_only=True)
@group
class DataConfig:
    """Everything that makes a batch from stores."""

    mix: tuple[Part, ...] = setting((), "1", "the data sets")
    left_out: str = setting(
        "",
        "1",
        "a file below the data's folder of names that are not trained on but validated with: one a "
        "line, or a JSON object of names with left_out",
    )
    sampling: Sampling = field(default_factory=Sampling)
    crops: Crops = field(default_factory=Crops)
    photometry: Photometry = field(default_factory=Photometry)
    motion: Motion = field(default_factory=Motion)
    composition: Composition = field(default_factory=Composition)
    resident: bool = setting(
        False, "1", "keep all frames in the device's memory: for little data and a fast device"
    )
    longest_side: int = setting(
        0, "pixels", "frames that are kept are made no longer than this; 0: as they are", (0, 8192)
    )
    workers: int = setting(0, "processes", "that make samples while the device trains", (0, 64))
    unreadable: float = setting(
        0.01, "1", "share of samples whose picture cannot be read at which training stops", (0, 1)
    )
