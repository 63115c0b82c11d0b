"""The settings of the reference's files, by its names, as presets of ours."""

from __future__ import annotations

from typing import Any, Literal

from pytracking.tracker.preset_settings import (
    FirstFrame,
    Localization,
    Memory,
    Output,
    Refinement,
    Search,
    SizeSearch,
    TrackerPreset,
    Update,
)

NEVER = -1e9


def localization_of(params: dict[str, Any]) -> Localization:
    """The settings of localization; what a file does not name has the published default."""
    plain = not params.get("advanced_localization", False)
    windowed = params.get("window_output", False) and params.get(
        "perform_hn_without_windowing", False
    )
    return Localization(
        subcell=False,
        hann_window=windowed,
        not_found_threshold=NEVER if plain else params["target_not_found_threshold"],
        uncertain_threshold=NEVER if plain else params.get("uncertain_threshold", NEVER),
        hard_sample_threshold=NEVER if plain else params.get("hard_sample_threshold", NEVER),
        distractor_threshold=1e9 if plain else params["distractor_threshold"],
        hard_negative_threshold=1e9 if plain else params["hard_negative_threshold"],
        neighbourhood=params.get("target_neighborhood_scale", 2.2),
        displacement=params.get("dispalcement_scale", 0.8),
        inside=params.get("target_inside_ratio", 0.2),
    )


def memory_of(params: dict[str, Any], size: int) -> Memory:
    return Memory(
        size=size,
        learning_rate=params["learning_rate"],
        hard_negative_rate=params.get("hard_negative_learning_rate", params["learning_rate"]),
        first_samples_weight=params.get("init_samples_minimum_weight") or 0.0,
    )


def preset_of(
    params: dict[str, Any], network: str, crop_window: Literal["integer", "float"]
) -> TrackerPreset:
    """The preset of a trajectory's `params`."""
    augmentation = params["augmentation"]
    copies, share = augmentation.get("dropout", (0, 0.2))
    step = params["box_refinement_step_length"]
    steps = tuple(map(float, step)) if isinstance(step, list) else (float(step), float(step))
    return TrackerPreset(
        search=Search(
            area=params["search_area_scale"],
            crop_side=params["image_sample_size"],
            crop_window=crop_window,
            border=params.get("border_mode", "replicate"),
            max_scale_change=params.get("patch_max_scale_change", 1.5),
        ),
        size=SizeSearch(ratios=()),
        first_frame=FirstFrame(
            shifts=tuple(map(tuple, augmentation["relativeshift"])),
            flip=augmentation["fliplr"],
            blurs=tuple(map(tuple, augmentation["blur"])),
            rotations=tuple(augmentation["rotate"]),
            random_shift=params["random_shift_factor"],
            expansion=params["augmentation_expansion_factor"],
            dropout_copies=copies,
            dropout=share,
            iterations=params["net_opt_iter"],
        ),
        localization=localization_of(params),
        refinement=Refinement(
            space=params.get("box_refinement_space", "default"),
            iterations=params["box_refinement_iter"],
            step=steps,
            step_decay=params.get("box_refinement_step_decay", 1.0),
            random_boxes=params["num_init_random_boxes"],
            jitter_position=params["box_jitter_pos"],
            jitter_size=params["box_jitter_sz"],
            average=params["iounet_k"],
            max_aspect=params["maximal_aspect_ratio"],
            size_when_uncertain=params["update_scale_when_uncertain"],
            augmented=params["iounet_augmentation"],
            half_pixel_shift=True,
            stale_place=True,
        ),
        memory=memory_of(params, params["sample_memory_size"]),
        update=Update(
            interval=params["train_skipping"],
            iterations=params["net_opt_update_iter"],
            hard_negative_iterations=params["net_opt_hn_iter"],
            only_trusted=True,
        ),
        output=Output(not_found_box=params.get("output_not_found_box", False)),
    )
