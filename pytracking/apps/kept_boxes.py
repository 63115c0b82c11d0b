"""Boxes of sequences that are tracked once and kept, so that what is judged costs only what is
new."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from ltr.files import make_folder, safe_name
from ltr.settings import as_dict
from pytracking.api import Tracker
from pytracking.apps.evaluate import track_sequence
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.scoring import one_pass_auc
from pytracking.sequences.sequence import Sequence
from pytracking.tracker.engine import TrackerEngine


def key_of(engine: TrackerEngine) -> str:
    """Twelve digits that follow from network, settings and seed. They know nothing of the code."""
    settings = json.dumps(as_dict(engine.preset), sort_keys=True)
    text = f"{engine.net.fingerprint} {settings} {engine.seed}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def kept_boxes(tracker: Tracker, sequence: Sequence, folder: Path) -> Array:
    """(N, 4) boxes of `folder`/KEY/NAME.txt, which are tracked first where they are not there.
    Raises DataError, FrameError or ResultError."""
    path = folder / key_of(tracker.engine) / f"{safe_name(sequence.name)}.txt"
    if not path.is_file():
        make_folder(path.parent)
        # boxes come under their name when they are whole
        track_sequence(tracker, sequence, path.with_suffix(".running"))
        path.with_suffix(".running").replace(path)
    return np.loadtxt(path, delimiter=",", usecols=range(4), ndmin=2)


def kept_auc(tracker: Tracker, sequence: Sequence, folder: Path) -> float:
    """Success AUC of these boxes."""
    return one_pass_auc(kept_boxes(tracker, sequence, folder), sequence.boxes_xywh)
