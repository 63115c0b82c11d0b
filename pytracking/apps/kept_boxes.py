"""Boxes of sequences that are tracked once and kept, so that what is judged costs only what is
new."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from ltr.files import make_folder, safe_name
from ltr.settings import as_dict
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.runner import track_sequences
from pytracking.evaluation.scoring import one_pass_auc
from pytracking.evaluation.trajectories import Trajectory, write_trajectory
from pytracking.sequences.sequence import Sequence
from pytracking.tracker.engine import TrackerEngine


def key_of(engine: TrackerEngine) -> str:
    """Twelve digits that follow from network, settings and seed. They know nothing of the code."""
    settings = json.dumps(as_dict(engine.preset), sort_keys=True)
    text = f"{engine.net.fingerprint} {settings} {engine.seed}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def kept_boxes(engine: TrackerEngine, sequence: Sequence, folder: Path) -> Array:
    """(N, 4) boxes of `folder`/KEY/NAME.txt, which are tracked first where they are not there.
    Raises DataError, FrameError or ResultError."""
    path = folder / key_of(engine) / f"{safe_name(sequence.name)}.txt"
    if not path.is_file():
        make_folder(path.parent)
        write_trajectory(path, _tracked(engine, sequence))
    return np.loadtxt(path, delimiter=",", usecols=range(4), ndmin=2)


def kept_auc(engine: TrackerEngine, sequence: Sequence, folder: Path) -> float:
    """Success AUC of these boxes."""
    return one_pass_auc(kept_boxes(engine, sequence, folder), sequence.boxes_xywh)


def _tracked(engine: TrackerEngine, sequence: Sequence) -> Trajectory:
    ((_, outcome),) = track_sequences(engine, [sequence])
    if not isinstance(outcome, Trajectory):
        raise outcome
    return outcome
