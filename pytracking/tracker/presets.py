"""The presets of trackers, by name: each names only what differs from the defaults."""

from __future__ import annotations

from dataclasses import replace

from ltr.errors import ConfigError, suggestion
from pytracking.tracker.preset_settings import (
    FirstFrame,
    Localization,
    Memory,
    Pairs,
    Refinement,
    Search,
    SizeSearch,
    TrackerPreset,
    Update,
)

_FOUR_CORNERS: Pairs = ((0.6, 0.6), (-0.6, 0.6), (0.6, -0.6), (-0.6, -0.6))
_DIMP = TrackerPreset(
    search=Search(crop_window="integer"),
    size=SizeSearch(ratios=()),
    first_frame=FirstFrame(
        shifts=_FOUR_CORNERS,
        blurs=((3, 1), (1, 3), (2, 2)),
        rotations=(10, -10, 45, -45),
        random_shift=1 / 3,
        dropout_copies=2,
        iterations=10,
    ),
    localization=Localization(
        subcell=False,
        not_found_threshold=0.25,
        uncertain_threshold=-1e9,
        distractor_threshold=0.8,
        hard_negative_threshold=0.5,
    ),
    refinement=Refinement(
        "default", iterations=5, step=(1, 1), half_pixel_shift=True, stale_place=True
    ),
    memory=Memory(learning_rate=0.01, hard_negative_rate=0.02),
    update=Update(interval=20, iterations=2, hard_negative_iterations=1, only_trusted=True),
)
_RELATIVE = replace(_DIMP.refinement, space="relative", iterations=10, step=(2.5e-3, 2.5e-3))
_PRDIMP = replace(
    _DIMP,
    localization=replace(_DIMP.localization, not_found_threshold=0.04),
    refinement=_RELATIVE,
)
_WIDE = replace(_DIMP.search, area=6, crop_side=352, border="inside_major", max_scale_change=1.5)
_SUPER = replace(_DIMP, search=_WIDE, refinement=_RELATIVE)
_VOT18 = replace(
    _DIMP,
    search=replace(_DIMP.search, area=4, crop_side=224),
    first_frame=replace(
        _DIMP.first_frame,
        blurs=((2, 0.2), (0.2, 2), (3, 1), (1, 3), (2, 2)),
        rotations=(5, -5, 10, -10, 20, -20, 30, -30, 45, -45, -60, 60),
        dropout_copies=7,
        iterations=25,
    ),
    localization=replace(
        _DIMP.localization,
        hann_window=True,
        not_found_threshold=0,
        distractor_threshold=100,
        hard_negative_threshold=0.45,
        displacement=0.7,
    ),
    memory=Memory(size=250, learning_rate=0.0075, hard_negative_rate=0.02, first_samples_weight=0),
    update=replace(_DIMP.update, interval=10, iterations=3, hard_negative_iterations=3),
)
_VOT19 = replace(
    _VOT18,
    search=replace(_DIMP.search, area=4.5, crop_side=256),
    first_frame=replace(
        _VOT18.first_frame,
        shifts=((0.6, 0.6), (-0.6, -0.6)),
        blurs=((2, 0.2), (1, 3)),
        rotations=(-5, 10, -30, 60),
        expansion=1.4,
        dropout_copies=3,
        iterations=15,
    ),
    refinement=replace(_DIMP.refinement, iterations=3),
    memory=replace(_VOT18.memory, size=100),
    update=replace(_VOT18.update, iterations=2, hard_negative_iterations=2),
)
_PRDIMP_VOT18 = replace(
    _VOT18,
    localization=replace(
        _VOT18.localization,
        raw_scores=True,
        distractor_threshold=99999,
        hard_negative_threshold=999999,
    ),
    refinement=_RELATIVE,
    memory=replace(_VOT18.memory, learning_rate=0.01),
    update=replace(_VOT18.update, interval=1, iterations=1, hard_negative_iterations=1),
)
_NCE_PLUS = TrackerPreset(
    refinement=Refinement(
        "relative",
        iterations=10,
        step=(5e-4, 5e-3),  # energies are steeper in the place than in the size
        search_follows=False,
        share=(0.6, 0.75, 0.5),
        calibration=0.7,
    )
)

_PROPOSALS = replace(
    _NCE_PLUS,
    refinement=replace(
        _NCE_PLUS.refinement,
        method="sampling",
        energy_share=0,  # on videos that it has not seen the proposal is the better judge
        share=(0.8, 0.9, 0.75),
        calibration=0,
    ),
)

_TABLE: dict[str, tuple[TrackerPreset, str]] = {
    "imagenet18": (TrackerPreset(), "the bundled network of that name: filter, size search"),
    "imagenet_mobile": (TrackerPreset(), "the bundled network of that name: filter, size search"),
    "nce_plus_mobile": (
        _NCE_PLUS,
        "networks of the recipe of that name: size search, boxes reported by energy",
    ),
    "nce_plus18": (
        _NCE_PLUS,
        "networks of the recipe of that name: size search, boxes reported by energy",
    ),
    "proposals18": (
        _PROPOSALS,
        "networks of the recipe of that name: size search, boxes of the proposal, with a spread",
    ),
    "dimp18": (_DIMP, "DiMP-18 as published: filter by hinge residual, boxes by IoU"),
    "dimp50": (_DIMP, "DiMP-50 as published: filter by hinge residual, boxes by IoU"),
    "prdimp18": (_PRDIMP, "PrDiMP-18 as published: filter and boxes as probabilities"),
    "prdimp50": (
        replace(_PRDIMP, search=_WIDE),
        "PrDiMP-50 as published: filter and boxes as probabilities, wide search",
    ),
    "super_dimp": (_SUPER, "SuperDiMP as published: DiMP's filter, PrDiMP's boxes, wide search"),
    "super_dimp_simple": (
        _SUPER,
        "SuperDiMPSimple as published: the filter's labels are not learned",
    ),
    "dimp18_vot18": (_VOT18, "DiMP-18 for the VOT2018 challenge: near search, long memory"),
    "dimp50_vot18": (_VOT18, "DiMP-50 for the VOT2018 challenge: near search, long memory"),
    "dimp50_vot19": (_VOT19, "DiMP-50 for the VOT2019 challenge: faster than that of VOT2018"),
    "prdimp50_vot18": (
        _PRDIMP_VOT18,
        "PrDiMP-50 for the VOT2018 challenge: near search, learned in every frame",
    ),
}
PRESETS: dict[str, TrackerPreset] = {name: preset for name, (preset, _) in _TABLE.items()}
"""By name. Each bundled network and each recipe of ours has the preset of its own name; the others
are those of the published trackers, their quirks included."""
PURPOSES: dict[str, str] = {name: purpose for name, (_, purpose) in _TABLE.items()}
"""What each preset is for, in a line."""


def preset_named(name: str) -> TrackerPreset:
    """A preset by name. Raises ConfigError with a suggestion."""
    if name not in PRESETS:
        raise ConfigError(f"unknown preset {name!r}: {suggestion(name, PRESETS)}")
    return PRESETS[name]
