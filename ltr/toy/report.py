"""Tables and the report of all results in a folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations, groupby
from pathlib import Path
from statistics import mean, stdev
from typing import TypeVar

from ltr.files import write_text
from ltr.progress import counted
from ltr.seeds import BEST, OF, no_results, statistics, told
from ltr.toy.methods import METHODS
from ltr.toy.metric import METRICS
from ltr.toy.pictures import write_curves, write_densities
from ltr.toy.results import Run, read_runs, values_of

Key = TypeVar("Key")
REPORT = "report.md"


def write_report(folder: Path) -> str:
    """Write report.md and its pictures; returns its tables. Raises ResultError."""
    runs = read_runs(folder)
    if not runs:
        raise no_results(folder, "toy", "ltr toy run")
    tables, parts = [], []
    for (data, epochs), found in _grouped(runs, lambda run: (run.data, run.epochs)):
        largest = max(run.samples for run in found)
        methods = [own for (_, m), own in _grouped(found, _row) if m in (0, largest)]
        text = [f"## Data set {data}, {counted(epochs, 'epoch')}", "", *_table(data, methods)]
        text += ["", _told_apart(methods), *_failures(found)]
        swept = _swept([own for (_, m), own in _grouped(found, _row) if m])
        if swept:
            text += ["", *_sweep_table(swept)]
        tables.append("\n".join(text))
        drawn = [next((run for run in own if run.value is not None), own[0]) for own in methods]
        pictures = write_densities(folder, data, epochs, drawn)
        if swept:
            pictures += write_curves(folder, data, epochs, swept)
        parts.append("\n\n".join([tables[-1], *(f"![{name}]({name})" for name in pictures)]))
    head = (
        "# Energy-based regression in one dimension\n\nEach row: networks that differ by their "
        "seed alone. Mean, its standard error (±), standard deviation (s) and range are over all "
        f"of them; the best {BEST} of {OF} are chosen by the number itself, as in the papers.\n\n"
    )
    write_text(folder / REPORT, head + "\n\n".join(parts) + "\n", "report")
    return "\n\n".join(tables)


def _swept(rows: Sequence[Sequence[Run]]) -> list[Sequence[Run]]:
    """Those of methods that have several numbers of samples."""
    methods = [runs[0].method for runs in rows]
    return [runs for runs in rows if methods.count(runs[0].method) > 1]


def _row(run: Run) -> tuple[str, int]:
    return run.method, run.samples


def _grouped(runs: Iterable[Run], key: Callable[[Run], Key]) -> list[tuple[Key, list[Run]]]:
    """In the order of data sets, then of the methods' table."""
    order = list(METHODS)
    ranked = sorted(
        runs, key=lambda r: (r.data, r.epochs, order.index(r.method), r.samples, r.seed)
    )
    found: dict[Key, list[Run]] = {}
    for run in ranked:
        found.setdefault(key(run), []).append(run)
    return list(found.items())


def _table(data: str, methods: Sequence[Sequence[Run]]) -> list[str]:
    lines = [
        f"| {METRICS[data]} | M | seeds | mean | ± | s | best {BEST} | range | proposal | "
        "CPU s a seed |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for runs in methods:
        first, values = runs[0], sorted(values_of(runs))
        failed = len(runs) - len(values)
        cells = [METHODS[first.method].title, str(first.samples or "–"), str(len(runs))]
        if failed:
            cells[-1] += f", {failed} failed"
        cells += statistics(values, failed)
        proposals = [run.proposal_value for run in runs if run.proposal_value is not None]
        cells.append(told(mean(proposals)) if proposals else "–")
        cells.append(f"{mean(run.seconds for run in runs):.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _failures(runs: Sequence[Run]) -> list[str]:
    lines = [
        f"- {METHODS[run.method].title}, M = {run.samples or '–'}, seed {run.seed}: {run.failure}"
        for run in runs
        if run.failure is not None
    ]
    return ["", "Seeds that failed:", "", *lines] if lines else []


def _told_apart(methods: Sequence[Sequence[Run]]) -> str:
    """Which means differ by more than twice the standard error of the difference."""
    compared = [runs for runs in methods if len(values_of(runs)) > 1]
    if len(compared) < 2:
        return "There are no two means to compare, of two seeds each."
    pairs = []
    for one, two in combinations(compared, 2):
        a, b = values_of(one), values_of(two)
        error = math.sqrt(stdev(a) ** 2 / len(a) + stdev(b) ** 2 / len(b))
        if abs(mean(a) - mean(b)) > 2 * error:
            better, worse = (one, two) if mean(a) < mean(b) else (two, one)
            pairs.append((METHODS[better[0].method].title, METHODS[worse[0].method].title))
    if not pairs:
        return "No two of these means differ by more than twice the standard error."
    lines = [
        f"- {better}: lower than {'; '.join(worse for _, worse in found)}"
        for better, found in groupby(sorted(pairs), key=lambda pair: pair[0])
    ]
    head = "Means that differ by more than twice the standard error of their difference:"
    return "\n".join([head, "", *lines])


def _sweep_table(rows: Sequence[Sequence[Run]]) -> list[str]:
    counts = sorted({runs[0].samples for runs in rows})
    lines = [
        "| mean (seeds) | " + " | ".join(f"M = {count}" for count in counts) + " |",
        "|---" * (len(counts) + 1) + "|",
    ]
    for method in dict.fromkeys(runs[0].method for runs in rows):
        cells = [METHODS[method].title]
        for count in counts:
            values = [
                v for runs in rows if _row(runs[0]) == (method, count) for v in values_of(runs)
            ]
            cells.append(f"{told(mean(values))} ({len(values)})" if values else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return lines
