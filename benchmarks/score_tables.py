"""Scores by sequence as Markdown: means with their intervals, differences, the worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.metrics import Array

WORST = 6
"""So many sequences are named."""


def interval(values: Array) -> str:
    """The 95 % bootstrap interval of the mean, as text."""
    low, high = bootstrap_interval(values)
    return f"{low:.3f} to {high:.3f}"


def mean_cell(values: Array) -> str:
    """Mean and interval of values."""
    return f"**{values.mean():.3f}** ({interval(values)})"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def comparison(scores: Mapping[str, Array], validation: int) -> str:
    """A row for each contender, whose (N,) scores begin with those of `validation` validation
    sequences, clips follow: means of all, of either part, and of the differences from the first
    contender, sequence by sequence."""
    (first, base), *_ = scores.items()
    groups = {
        f"val and clips ({len(base)})": slice(None),
        f"val ({validation})": slice(validation),
        f"clips ({len(base) - validation})": slice(validation, None),
    }
    only = [name for name, part in groups.items() if len(base[part]) == len(base)][1:]
    parts = {name: part for name, part in groups.items() if not only or name in only}
    head = ["network", *parts]
    if len(scores) > 1:
        head += [f"{name}: difference from {first}" for name in parts] + ["better on"]
    rows = []
    for contender, values in scores.items():
        row = [contender, *(mean_cell(values[part]) for part in parts.values())]
        if len(scores) > 1:
            difference = values - base
            better = f"{(difference > 0).sum()} of {len(difference)}"
            cells = [*(mean_cell(difference[part]) for part in parts.values()), better]
            row += ["-"] * len(cells) if contender == first else cells
        rows.append(row)
    return markdown(head, rows)


def worst(values: Array, names: Sequence[str], count: int = WORST) -> str:
    """The sequences with the least scores, least first."""
    return ", ".join(f"{names[i]} {values[i]:.2f}" for i in np.argsort(values)[:count])


def worst_sequences(scores: Mapping[str, Array], names: Sequence[str]) -> str:
    """A row for each contender."""
    return markdown(
        ["network", "worst"],
        [[contender, worst(values, names)] for contender, values in scores.items()],
    )


def by_sequence(scores: Mapping[str, Array], names: Sequence[str]) -> str:
    """A row for each sequence, a column for each contender."""
    columns = list(scores.values())
    rows = [[name, *(f"{column[k]:.3f}" for column in columns)] for k, name in enumerate(names)]
    return markdown(["sequence", *scores], rows)
