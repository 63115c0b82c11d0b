"""The table of all objectives."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import mean, stdev

from ltr.regress.detection.methods import METHODS
from ltr.regress.detection.results import Result

_COLUMNS = (("mean IoU", "iou"), ("AP", "ap"), ("AP50", "ap50"), ("AP75", "ap75"))


def table(results: Sequence[Result]) -> str:
    """Markdown: of each objective the means over its seeds, and with more than one their standard
    deviation."""
    titles = ["objective", "seeds", "epochs", "samples"]
    titles += [f"{title} before -> after" for title, _ in _COLUMNS] + ["gain in IoU", "minutes"]
    lines = [_row(titles), _row(["---"] * len(titles))]
    for name in METHODS:
        own = [result for result in results if result.plan.objective == name]
        if not own:
            continue
        plan = own[0].plan
        cells = [METHODS[name].title, str(len(own)), str(plan.epochs), str(plan.samples)]
        for _, key in _COLUMNS:
            before = mean(getattr(result, f"{key}_before") for result in own)
            cells.append(f"{before:.3f} -> {_spread([getattr(r, f'{key}_after') for r in own])}")
        cells.append(_spread([r.iou_after - r.iou_before for r in own], "+"))
        cells.append(f"{mean(result.seconds for result in own) / 60:.1f}")
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float], sign: str = "") -> str:
    deviation = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
    return f"{mean(values):{sign}.3f}{deviation}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
