"""What a tracker decided in a step, and how close each decision was: an observer for tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from pytracking import Prediction
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box
from pytracking.tracker.preset_settings import TrackerPreset

STEP = 0.01
"""Pixels that a step may differ by."""


class Decision(NamedTuple):
    """What was decided, and by how much it could have been decided otherwise."""

    value: Any
    margin: float


@dataclass
class Seen:
    """One target in one frame."""

    prediction: Prediction
    decisions: dict[str, Decision]
    boxes: list[Tensor]
    """(N, 4) the candidate boxes before each refinement step."""


@dataclass
class Watch:
    """An observer that keeps what the decisions of one step follow from, with the choice of sizes."""

    values: dict[str, list[Tensor]] = field(default_factory=dict)
    sizes: list[Decision] = field(default_factory=list)

    def observe(self, name: str, value: Tensor) -> None:
        self.values.setdefault(name, []).append(value.clone())

    def note_sizes(self, rows: Any, score: Tensor, best_rows: Callable[..., Tensor]) -> Tensor:
        """In the place of `best_rows`."""
        chosen = best_rows(rows, score)
        for own in rows.rows_of:
            values = (score * rows.penalty)[own.unique()].sort(descending=True).values
            best = own[(score * rows.penalty)[own].argmax()]
            margin = (values[0] - values[1]).item() if len(values) > 1 else np.inf
            self.sizes.append(Decision(round(rows.ratio[best].item(), 4), margin))
        return chosen

    def seen(
        self, predictions: Sequence[Prediction], last: Sequence[Box], preset: TrackerPreset
    ) -> list[Seen]:
        out = []
        for row, (prediction, box) in enumerate(zip(predictions, last, strict=True)):
            windowed, scores = (
                self.values[n][0][row].numpy() for n in ("windowed_score_map", "score_map")
            )
            boxes = [value[row] for value in self.values.get("candidate_boxes", [])]
            decisions = {"size": self.sizes[row]} if self.sizes else {}
            two = np.sort(windowed, axis=None)[-2:]
            decisions["peak"] = Decision(int(windowed.argmax()), float(two[1] - two[0]))
            margin = status_margin(scores, windowed, prediction, box, preset)
            decisions["status"] = Decision(prediction.status, margin)
            if boxes:
                energies = self.values["candidate_energies"][-1][row].sort(descending=True)
                count = min(preset.refinement.average, len(energies.values) - 1)
                gap = energies.values[count - 1] - energies.values[count]
                chosen = tuple(
                    sorted(self.values["candidate_energies"][-1][row].topk(count).indices.tolist())
                )
                decisions["boxes that are averaged"] = Decision(chosen, gap.item())
            out.append(Seen(prediction, decisions, boxes))
        return out


def status_margin(
    scores: np.ndarray,
    windowed: np.ndarray,
    prediction: Prediction,
    last: Box,
    preset: TrackerPreset,
) -> float:
    """How far the nearest threshold was."""
    setting = preset.localization
    row, column = np.unravel_index(int(windowed.argmax()), windowed.shape)
    cell = prediction.search_area[2] / preset.search.crop_side * 16
    high, wide = (setting.neighbourhood * side / cell / 2 for side in (last[3], last[2]))
    others = scores.copy()
    top, left = max(round(row - high), 0), max(round(column - wide), 0)
    others[top : round(row + high + 1), left : round(column + wide + 1)] = 0
    peak, second = float(windowed[row, column]), float(others.max())
    thresholds = (
        setting.not_found_threshold,
        setting.uncertain_threshold,
        setting.hard_sample_threshold,
    )
    return min(
        *(abs(peak - threshold) for threshold in thresholds),
        *(
            abs(second - share * peak)
            for share in (setting.distractor_threshold, setting.hard_negative_threshold)
        ),
    )


@dataclass(frozen=True)
class Different:
    """The first decision that fell otherwise."""

    frame: int
    what: str
    alone: Any
    among: Any
    margin: float

    def __str__(self) -> str:
        return f"frame {self.frame}: {self.what} {self.alone} alone, {self.among} among others, margin {self.margin:.1e}"


def first_difference(
    alone: Seen, among: Seen, frame: int, kink: Callable[[int], float]
) -> Different | None:
    """kink: of a refinement step, how many pixels from its boxes the gradient jumps by what the two runs differ by."""
    for what, own in alone.decisions.items():
        other = among.decisions[what]
        if what == "boxes that are averaged":
            pairs = list(itertools.pairwise(zip(alone.boxes, among.boxes, strict=True)))
            for step, ((before, same), (after, there)) in enumerate(pairs):
                if difference(after, there) > max(STEP / 10, 20 * difference(before, same)):
                    return Different(
                        frame, f"a unit of the box head in step {step + 1}", "on", "off", kink(step)
                    )
        if own.value != other.value:
            return Different(frame, what, own.value, other.value, min(own.margin, other.margin))
    return None


def difference(a: Any, b: Any) -> float:
    return float(np.abs(np.asarray(a) - np.asarray(b)).max())


def nearest_kink(
    engine: TrackerEngine, modulation: Tensor, crop: Tensor, alone: Seen, among: Seen, step: int
) -> float:
    """How far from the boxes of a refinement step, in pixels, the gradient of the energy that a target has alone jumps
    by half of what the next boxes differ by: a ReLU that is on at one side of a kink and off at the other."""
    head, boxes = engine.net.box_head, alone.boxes[step][None]
    assert head is not None
    with torch.inference_mode():
        energies_of = head.conditioned(modulation).energies_of(engine.net.trunk(crop), boxes)
        _, gradient = energies_of(boxes)
        jump = (
            difference(alone.boxes[step + 1], among.boxes[step + 1]) / boxes[..., 2:].max().item()
        )
        generator = torch.Generator().manual_seed(0)
        for distance in (1e-6, 1e-5, 1e-4, 1e-3):
            for _ in range(50):
                moved = boxes + distance * (2 * torch.rand(boxes.shape, generator=generator) - 1)
                if difference(energies_of(moved)[1], gradient) > jump / 2:
                    return distance
    return np.inf
