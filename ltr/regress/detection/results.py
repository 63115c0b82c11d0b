"""What a training of a box energy leaves: one JSON in its folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ltr.regress.detection.methods import method_named
from ltr.regress.detection.training import Plan
from ltr.seeds import check_same, read_result, write_result
from ltr.settings import from_dict

RESULT = "result.json"


@dataclass(frozen=True)
class Result:
    """Means over the noisy boxes of photographs that were left out, before and after."""

    plan: Plan
    step: tuple[float, float]
    """Of the ascent: of centres, of log sizes."""
    seconds: float
    """Of processor time."""
    iou_before: float
    ap_before: float
    ap50_before: float
    ap75_before: float
    iou_after: float
    ap_after: float
    ap50_after: float
    ap75_after: float


def folder_of(plan: Plan, root: Path) -> Path:
    """Where a training lies."""
    return root / f"{plan.objective}-seed{plan.seed}"


def write(folder: Path, result: Result) -> None:
    """Raises ResultError."""
    write_result(folder / RESULT, asdict(result))


def read_results(plans: Sequence[Plan], root: Path) -> list[Result]:
    """What was measured, of those of the plans that are there. Raises ResultError, also for a
    result of another plan."""
    found = []
    for plan in plans:
        path = folder_of(plan, root) / RESULT
        if path.exists():
            found.append(read_result(path, _result))
            check_same(path, asdict(found[-1].plan), asdict(plan))
    return found


def _result(values: dict[str, Any]) -> Result:
    result = from_dict(Result, values, "")
    method_named(result.plan.objective)
    return result
