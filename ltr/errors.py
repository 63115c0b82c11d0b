"""The errors of both packages: one class per cause, all under `TrackingError`.

A message is one line and says what, where, and what to do. Command lines print it and exit with 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TrackingError(Exception):
    """Something that the user can mend."""


class ConfigError(TrackingError):
    """An unknown network, preset or setting, or a value that does not fit one."""


class CheckpointError(TrackingError):
    """A network file that is missing, damaged or of another network."""


class FrameError(TrackingError):
    """A frame, image or video that cannot be used."""


class SourceEndedEarly(FrameError):
    """Fewer frames could be had than there should be; those that came before are good."""


class BoxError(TrackingError):
    """A box that no target can have."""


class DataError(TrackingError):
    """A data set, a sequence or an annotation file that is not as it should be."""


class TrainingError(TrackingError):
    """A training that cannot go on: a loss that is not finite."""


class ResultError(TrackingError):
    """Results that cannot be written or read."""


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """The known names that `word` may be a misspelling of; those that are about equally like it, or
    none."""
    spelled = word.lower().replace("+", "_plus")  # as NCE+ is called
    likeness = {
        name: difflib.SequenceMatcher(None, spelled, name.lower()).ratio()
        for name in sorted(set(known))
    }
    best = max(likeness.values(), default=0.0)
    return [name for name, value in likeness.items() if value >= max(0.6, best - 0.05)]


def suggestion(word: str, known: Iterable[str], most: int = 20) -> str:
    """The end of an error message about an unknown name: the nearest known ones, else all of them,
    or the first `most`."""
    names = sorted(set(known))
    near = nearest(word, names)
    if near:
        return f"did you mean {' or '.join(near)}?"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"known: {', '.join(names[:most])}{more}" if names else "none is known"
