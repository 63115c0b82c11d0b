"""What one step of the engine lets be seen: copies of its values, kept for whoever draws them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float32]

STEPS = ("candidate_boxes", "candidate_energies")
"""What is observed once a refinement step."""
KNOWN = (
    *STEPS,
    "search_crop",
    "score_map",
    "windowed_score_map",
    "stored_slot",
    "sample_weights",
    "filter_norm",
    "filter_change",
)


@dataclass
class Seen:
    """An observer that keeps copies of one step's values, for all B targets."""

    wanted: Collection[str] = KNOWN
    """Those that are kept; others cost nothing."""
    values: dict[str, list[Array]] = field(default_factory=dict)

    def observe(self, name: str, value: Tensor) -> None:
        if name in self.wanted:  # the engine writes some of its tensors in place later
            self.values.setdefault(name, []).append(np.array(value.float().cpu().numpy()))

    def of(self, row: int) -> dict[str, Array]:
        """The values of one target, those of the refinement steps stacked."""
        return {
            name: np.stack([value[row] for value in values]) if name in STEPS else values[-1][row]
            for name, values in self.values.items()
        }
