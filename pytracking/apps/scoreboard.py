"""How an evaluation is going, told line by line, and what came of it."""

from __future__ import annotations

import sys
from contextlib import suppress
from statistics import mean
from time import monotonic

import numpy as np

from ltr.errors import ConfigError, FrameError, ResultError, TrackingError, suggestion
from ltr.progress import StatusLine, counted, duration
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.protocols import PROTOCOLS, Protocol
from pytracking.evaluation.runner import expected_frames
from pytracking.evaluation.scoring import SequenceScore, Truth, score, speed, summary, weights_of
from pytracking.evaluation.trajectories import Trajectory
from pytracking.sequences.sequence import Sequence

SURE_AFTER = 5.0
"""Seconds until the time that is left can be told from the frames that were tracked."""


def protocol_named(name: str) -> Protocol:
    """Raises ConfigError with a suggestion."""
    if name not in PROTOCOLS:
        raise ConfigError(f"unknown protocol {name!r}: {suggestion(name, PROTOCOLS)}")
    return PROTOCOLS[name]


class Scoreboard:
    """Lines of an evaluation: each sequence as it is finished, how far all is, and the means."""

    def __init__(self, sequences: list[Sequence], protocol: Protocol, runs: int) -> None:
        self.finished = 0
        """Sequences, of all runs."""
        self.failures: list[str] = []
        self._protocol, self._runs = protocol, runs
        names = [*(s.name for s in sequences), *(r.name for r in protocol.readings)]
        self._width = max(map(len, names))
        self._scores: dict[int, list[SequenceScore]] = {}
        self._seed = 0
        self._seconds: list[Array] = []
        self._so_far = ""
        self._line, self._begun = StatusLine(), monotonic()
        self._tracked, self._to_do = 0, runs * sum(map(expected_frames, sequences))

    def begin(self, seed: int) -> None:
        """The sequences that follow are of this seed."""
        self._seed = seed
        if self._runs > 1:
            print(f"seed {seed}", flush=True)

    def stepped(self, frames: int) -> None:
        """So many more were tracked. Tells how far all is, how long the rest will take, and the
        mean so far."""
        self._tracked += frames
        if (seconds := monotonic() - self._begun) < SURE_AFTER:
            return
        rate = self._tracked / seconds
        left = max(self._to_do - self._tracked, 0)
        text = f"{self._tracked} frames, {left} to come, {duration(left / rate)} left"
        self._line.tell(text + self._so_far)

    def finish(self, sequence: Sequence, trajectory: Trajectory, tracked: bool = True) -> None:
        """A sequence was tracked, now or (not `tracked`) before. Raises ResultError where the
        protocol refuses the result."""
        self.finished += 1
        self._to_do -= 0 if tracked else expected_frames(sequence)
        self._seconds.append(trajectory.seconds)
        value = ""
        if is_annotated(sequence):
            own = scored(self._protocol, trajectory.boxes_xywh, sequence)
            self._scores.setdefault(self._seed, []).append(own)
            value = f"{ranking(self._protocol, [own])[1]:.3f}"
            scores = [s for of_seed in self._scores.values() for s in of_seed]
            name, average = ranking(self._protocol, scores)
            self._so_far = f", {name} {average:.3f} of {len(scores)}"
        self._line.end()
        print(f"{sequence.name:<{self._width}}  {value or 'not annotated'}", flush=True)

    def fail(self, error: TrackingError) -> None:
        """A sequence could not be tracked."""
        self.failures.append(str(error))
        self._line.end()
        print(f"{error}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """What is printed next begins a line."""
        self._line.end()

    def means(self) -> list[str]:
        """What came of it, in lines."""
        if not self._scores:
            one = self.finished == 1
            elsewhere = f": {'it is' if one else 'they are'} scored elsewhere"
            return [
                f"{counted(self.finished, 'sequence')} {'was' if one else 'were'} tracked"
                + (elsewhere if self.finished else "")
            ]
        runs = [summary(self._protocol, scores) for scores in self._scores.values()]
        of_sequence: dict[str, list[SequenceScore]] = {}
        for own in (s for scores in self._scores.values() for s in scores):
            of_sequence.setdefault(own.name, []).append(own)
        values = {
            name: mean(ranking(self._protocol, [one])[1] for one in own)
            for name, own in of_sequence.items()
        }
        worst = min(values, key=lambda name: values[name])
        weights = weights_of(self._protocol, [own[0] for own in of_sequence.values()])
        low, high = bootstrap_interval(np.array([*values.values()]), weights=weights)
        lines = []
        for name in runs[0].scores:
            means = [run.scores[name] for run in runs]
            spread = f"  (runs {' '.join(f'{v:.3f}' for v in means)})" if len(means) > 1 else ""
            lines.append(f"{name:<{self._width}}  {mean(means):.3f}{spread}")
        if len(values) > 1:
            lines[0] += f"  (95 % {low:.3f} to {high:.3f})"
        lines.append(
            f"protocol {self._protocol.name}, {counted(len(values), 'sequence')}; "
            f"worst {worst} {values[worst]:.3f}; "
            f"{speed(self._protocol, self._seconds):.1f} frames/s"
        )
        return lines


def ranking(protocol: Protocol, scores: list[SequenceScore]) -> tuple[str, float]:
    """The score to rank by, its name and value."""
    return next(iter(summary(protocol, scores).scores.items()))


def is_annotated(sequence: Sequence) -> bool:
    """Whether it can be scored: more than its first frame is annotated."""
    return len(sequence.boxes_xywh) > 1


def truth_of(protocol: Protocol, sequence: Sequence) -> Truth:
    """What a result is compared with. Where the data set does not say how large the frames are and
    the protocol asks, the first one does. Raises FrameError."""
    size = sequence.frame_wh
    if size is None and protocol.clipped:
        height, width = sequence.frames.frame(0).shape[:2]
        size = width, height
    return Truth(sequence.boxes_xywh, sequence.absent, sequence.cover, size)


def check_scorable(protocol: Protocol, sequences: list[Sequence]) -> None:
    """Raises ResultError where the protocol cannot score any result of a sequence, for want of
    flags or for NaN in its true boxes, so that none is tracked in vain."""
    for sequence in filter(is_annotated, sequences):
        with suppress(FrameError):  # tracking it will tell
            scored(protocol, np.ones_like(sequence.boxes_xywh), sequence)


def scored(protocol: Protocol, boxes_xywh: Array, sequence: Sequence) -> SequenceScore:
    """A sequence's score. Raises ResultError where the protocol refuses the boxes."""
    try:
        return score(protocol, boxes_xywh, truth_of(protocol, sequence), sequence.name)
    except ValueError as error:
        raise ResultError(f"sequence {sequence.name}: {error}") from None
