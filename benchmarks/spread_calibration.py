"""Whether a tracker's spread means something: against its true errors on annotated sequences.

    python benchmarks/spread_calibration.py proposals18 [SETTING=VALUE ...]
        [--held-out] [--output FOLDER]

Tracks SHARED/data/val, with `--held-out` also the clips that are left out of training, one pass
from the first box rounded to whole pixels, and looks at the frames with a true box and a spread.
Prints success AUC; Spearman's rank correlation of spread and true error, which is 1 - IoU, over all
frames and in the mean over sequences with its 95 % bootstrap interval, the spread being the
geometric mean of the four deviations over the box's sides; how many of the true x, y, w and h lie
in their 90 % intervals; and the mean IoU of each fifth of the frames by their spread. Draws into
FOLDER/calibration.png how many lie within the interval that a normal of the deviation has at other
levels, and the true error over the spread.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence as Listed
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import torch
from judge import engine_of, sequences_of
from score_tables import markdown, mean_cell

from ltr.files import make_folder
from ltr.images import Frame
from pytracking.debug.probe import Probes
from pytracking.evaluation.metrics import Array, overlap
from pytracking.evaluation.runner import track_sequences
from pytracking.evaluation.scoring import one_pass_auc
from pytracking.evaluation.trajectories import Trajectory
from pytracking.sequences.sequence import Sequence, find_sequences
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Prediction

LEVELS = np.arange(0.05, 1, 0.05)
FIFTHS = 5
NUMBERS = ("x", "y", "w", "h")
LEAST = 10
"""A sequence of fewer such frames has no correlation of its own."""


class Told(Probes):
    """Keeps the predictions of a single target."""

    def __init__(self) -> None:
        super().__init__()
        self.predictions: list[Prediction] = []

    def write(
        self,
        number: int,
        frame: Frame,
        names: Listed[str],
        predictions: Listed[Prediction],
        seconds: float = float("nan"),
    ) -> None:
        self.predictions += predictions


class Spreads(NamedTuple):
    """N frames with a true box and a spread; all (N, 4) frame pixels."""

    boxes: Array
    truth: Array
    deviation: Array
    low: Array
    high: Array

    @property
    def error(self) -> Array:
        """(N,) 1 - IoU."""
        return 1 - overlap(self.boxes, self.truth)

    @property
    def relative(self) -> Array:
        """(N,) the geometric mean of the deviations over the box's sides."""
        sides = self.boxes[:, [2, 3, 2, 3]]
        return np.asarray(np.exp(np.log(np.maximum(self.deviation, 1e-6) / sides).mean(axis=1)))

    @property
    def inside(self) -> Array:
        """(4,) share of the frames whose true number lies in its 90 % interval."""
        return np.asarray(((self.low <= self.truth) & (self.truth <= self.high)).mean(axis=0))

    def within(self, level: float) -> Array:
        """(4,) the same of the interval around the box that a normal has at a level."""
        reach = NormalDist().inv_cdf((1 + level) / 2) * self.deviation
        return np.asarray((np.abs(self.truth - self.boxes) <= reach).mean(axis=0))


def spreads_of(engine: TrackerEngine, sequence: Sequence) -> tuple[float, Spreads]:
    """Success AUC of a sequence, and the spreads of its frames. Raises what tracking raises."""
    told = Told()
    ((_, outcome),) = track_sequences(engine, [sequence], probe=told)
    if not isinstance(outcome, Trajectory):
        raise outcome
    rows = [
        (p.box, true_box, p.spread.deviation, p.spread.low, p.spread.high)
        for p, true_box in zip(told.predictions, sequence.boxes_xywh[1:], strict=True)
        if p.spread is not None and np.isfinite(true_box).all() and true_box[2:].min() > 0
    ]
    columns = zip(*rows, strict=True) if rows else [()] * 5
    spreads = Spreads(*(np.array(column, float).reshape(-1, 4) for column in columns))
    return one_pass_auc(outcome.boxes_xywh, sequence.boxes_xywh), spreads


def joined(parts: Listed[Spreads]) -> Spreads:
    """The frames of several sequences."""
    return Spreads(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def correlation(a: Array, b: Array) -> float:
    """Spearman's, of (N,) and (N,): Pearson's of their ranks."""
    ranks = [np.argsort(np.argsort(values)) for values in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def report(name: str, aucs: Array, parts: dict[str, Spreads]) -> str:
    """The tables."""
    frames = joined(list(parts.values()))
    own = {n: correlation(p.relative, p.error) for n, p in parts.items() if len(p.boxes) >= LEAST}
    each = np.array(list(own.values()))
    worst = min(own, key=lambda n: own[n])
    inside = ", ".join(f"{n} {v:.0%}" for n, v in zip(NUMBERS, frames.inside, strict=True))
    order = np.array_split(np.argsort(frames.relative), FIFTHS)
    rows = [
        [
            f"{k} of {FIFTHS}",
            f"{np.median(frames.relative[part]):.3f}",
            f"{1 - frames.error[part].mean():.3f}",
            f"{(frames.error[part] < 0.5).mean():.0%}",
        ]
        for k, part in enumerate(order, 1)
    ]
    lines = [
        f"{name}: {len(parts)} sequences, {len(frames.boxes)} frames with a spread",
        f"success AUC {mean_cell(aucs)}",
        f"correlation of spread and error over all frames "
        f"{correlation(frames.relative, frames.error):.3f}",
        f"within each of {len(own)} sequences {mean_cell(each)}; least {worst} {own[worst]:.2f}",
        f"true numbers inside of their 90 % intervals: {inside}",
        "",
        markdown(["frames by spread", "median spread", "mean IoU", "IoU above .5"], rows),
    ]
    return "\n".join(lines)


def draw(path: Path, frames: Spreads) -> None:
    """Levels against shares, and errors over spreads, as a picture."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 5), layout="constrained")
    shares = np.array([frames.within(level) for level in LEVELS])
    left.plot([0, 1], [0, 1], "--", color="grey", linewidth=1, label="calibrated")
    for number, share in zip(NUMBERS, shares.T, strict=True):
        left.plot(LEVELS, share, marker=".", label=number)
    left.set(
        xlabel="level of the interval of a normal with the predicted deviation",
        ylabel="share of true numbers inside",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    left.legend()
    right.scatter(frames.relative, frames.error, s=4, alpha=0.25, linewidths=0)
    order = np.array_split(np.argsort(frames.relative), 2 * FIFTHS)
    right.plot(
        [np.median(frames.relative[part]) for part in order],
        [frames.error[part].mean() for part in order],
        color="black",
        marker="o",
        label="mean error of each tenth",
    )
    right.set(xscale="log", xlabel="spread (deviations over sides)", ylabel="1 - IoU", ylim=(0, 1))
    right.legend()
    make_folder(path.parent)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("TRACKING_SHARED", "../shared"))
    parser.add_argument("--shared", type=Path, default=shared)
    parser.add_argument("--output", type=Path, default=Path("outputs/spread"))
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("contender", nargs="+", metavar="NETWORK [SETTING=VALUE ...]")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    sequences = (
        sequences_of(arguments.shared, "held out")
        if arguments.held_out
        else find_sequences(arguments.shared / "data" / "val")
    )
    name = " ".join(arguments.contender)
    engine = engine_of(name, 0)
    if not engine.gives_spread:
        parser.error(f"{name} samples no boxes: choose refinement.method=sampling")
    aucs, parts = [], dict[str, Spreads]()
    for sequence in sequences:
        auc, parts[sequence.name] = spreads_of(engine, sequence)
        aucs.append(auc)
        print(f"{sequence.name} {auc:.3f}", flush=True)
    print(report(name, np.array(aucs), parts))
    draw(arguments.output / "calibration.png", joined(list(parts.values())))


if __name__ == "__main__":
    main()
