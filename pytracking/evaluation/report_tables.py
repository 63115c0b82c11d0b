"""The tables of a report, in pandas; scores are percentages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ltr.errors import ConfigError
from pytracking.evaluation.comparison import Comparison

if TYPE_CHECKING:
    import pandas

CURVES = {
    "success": "overlap threshold",
    "precision": "centre error in pixels",
    "norm_precision": "centre error in sizes of the target",
}
"""What the thresholds of each curve are."""


def check_pandas() -> None:
    """Raises ConfigError where pandas is missing."""
    try:
        import pandas  # noqa: F401
    except ImportError:
        raise ConfigError(
            "reports are made with pandas, which is not installed: pip install pandas (the extra "
            "tables)"
        ) from None


def scores_table(comparison: Comparison) -> pandas.DataFrame:
    """A row a tracker, the best first: the scores of the protocol; of the first one the interval
    (low, high), the difference from the tracker that was given first, and the spread between runs;
    frames per second. What is not known of any tracker has no column."""
    import pandas

    names = [reading.name for reading in comparison.protocol.readings]
    several = len(comparison.sequences) > 1
    rows = []
    for tracker in comparison.ranked:
        row = dict(zip(names, 100 * tracker.scores, strict=True))
        if several:
            row["low"], row["high"] = (100 * v for v in comparison.interval(tracker))
        if len(comparison.trackers) > 1 and tracker is not comparison.trackers[0]:
            gain, low, high = (100 * v for v in comparison.difference(tracker))
            row["difference"] = gain
            if several:
                row["difference_low"], row["difference_high"] = low, high
        row["runs"], row["spread"] = len(tracker.runs), 100 * tracker.spread
        row["fps"] = tracker.fps
        rows.append(row)
    columns = [*names, "low", "high", "difference", "difference_low", "difference_high"]
    table = pandas.DataFrame(
        rows,
        pandas.Index([t.label for t in comparison.ranked], name="tracker"),
        [*columns, "runs", "spread", "fps"],
    )
    unknown = [c for c in table.columns[len(names) :] if table[c].isna().all()]
    return table.drop(columns=unknown)


def sequences_table(comparison: Comparison) -> pandas.DataFrame:
    """A row a sequence, a column a tracker with the first score, mean over runs. Of several
    trackers the second less the first one is `difference`, as in the table of scores, and the
    largest loss comes first; of one tracker the worst sequence comes first."""
    import pandas

    subjects = comparison.sequences
    table = pandas.DataFrame(
        {"frames": [len(s.truth.boxes_xywh) for s in subjects]},
        pandas.Index([s.name for s in subjects], name="sequence"),
    )
    for tracker in comparison.trackers:
        table[tracker.label] = 100 * tracker.values[:, 0]
    if len(comparison.trackers) > 1:
        one, two = (tracker.values[:, 0] for tracker in comparison.trackers[:2])
        table["difference"] = 100 * (two - one)
        return table.sort_values("difference", kind="stable")
    return table.sort_values(comparison.trackers[0].label, kind="stable")


def attributes_table(comparison: Comparison) -> pandas.DataFrame:
    """A row an attribute, a column a tracker with the first score over its sequences, of which
    there are two or more."""
    import pandas

    attributes = comparison.attributes
    table = pandas.DataFrame(
        {"sequences": [len(members) for members in attributes.values()]},
        pandas.Index(list(attributes), name="attribute"),
    )
    for tracker in comparison.ranked:
        table[tracker.label] = [100 * tracker.over(members) for members in attributes.values()]
    return table


def curve_table(comparison: Comparison, of: str) -> pandas.DataFrame:
    """A row a threshold, a column a tracker: the mean curve `of` CURVES."""
    import pandas

    thresholds = getattr(comparison.protocol, f"{of}_thresholds")
    return pandas.DataFrame(
        {tracker.label: 100 * tracker.curve(of) for tracker in comparison.ranked},
        pandas.Index(np.asarray(thresholds), name=CURVES[of]),
    )


def runs_table(comparison: Comparison) -> pandas.DataFrame:
    """A row a tracker, run and sequence, with all scores: everything else can be made of it."""
    import pandas

    names = [reading.name for reading in comparison.protocol.readings]
    subjects = comparison.sequences
    parts = [
        pandas.DataFrame(
            {
                "benchmark": comparison.benchmark,
                "protocol": comparison.protocol.name,
                "tracker": tracker.label,
                "run": run.name,
                "sequence": [s.name for s in subjects],
                "frames": [len(s.truth.boxes_xywh) for s in subjects],
                **dict(zip(names, 100 * run.values.T, strict=True)),
            }
        )
        for tracker in comparison.trackers
        for run in tracker.runs
    ]
    return pandas.concat(parts, ignore_index=True)
