"""Track the sequences of a folder and score them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import mean

import numpy as np

from ltr.errors import BoxError, DataError, ResultError, SourceEndedEarly, suggestion
from ltr.files import write_text
from ltr.progress import with_progress
from ltr.settings import as_dict
from pytracking.api import Tracker
from pytracking.apps.track import ending
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.evaluation.bootstrap import bootstrap_interval
from pytracking.evaluation.metrics import Array
from pytracking.evaluation.protocols import first_box
from pytracking.evaluation.scoring import one_pass_auc
from pytracking.sequences.sequence import Sequence, find_sequences
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.run_folder import Destination, RunFolder, run_folder
from pytracking.sinks.run_inputs import check_inputs_kept


def run_evaluate(
    folder: Path,
    names: list[str],
    choice: TrackerChoice,
    output: Path | None,
    overwrite: bool = False,
) -> int:
    """Print success AUC per sequence and in the mean, naming the worst; boxes and scores.json go
    into `output`. A folder that is not empty is refused, or what earlier runs left in it is
    overwritten."""
    sequences = chosen(find_sequences(folder), names)
    results = Destination(
        "--output",
        output or Path("outputs") / "evaluate" / Path(choice.network).stem,
        ["scores.json", *(f"{s.name}.txt" for s in sequences)],
        overwrite,
        numbered=output is None,
    )
    frames = [(s, s.frames.path) for s in sequences]
    own = [(s.annotation, path, path / "img", path.parent) for s, path in frames]
    annotations = [("the annotations", place) for places in own for place in (folder, *places)]
    check_inputs_kept([*annotations, *choice.inputs()], [results])
    with run_folder(results) as run:
        return _run(sequences, choice, run)


def _run(sequences: list[Sequence], choice: TrackerChoice, run: RunFolder) -> int:
    output = run.folder
    scores: dict[str, float] = {}
    width = max(len(s.name) for s in sequences)
    try:
        for sequence in sequences:
            tracker = choice.load(sequence.name)
            boxes = track_sequence(tracker, sequence, output / f"{sequence.name}.txt")
            scores[sequence.name] = one_pass_auc(boxes, sequence.boxes_xywh)
            print(f"{sequence.name:<{width}}  {scores[sequence.name]:.3f}", flush=True)
            _write_scores(output, choice, tracker, scores)
    except (SourceEndedEarly, KeyboardInterrupt, ResultError) as error:
        status, why = ending(error)
        if not isinstance(error, ResultError):
            run.settle()
        print(
            f"pytracking: {why}; kept the {len(scores)} sequences that were finished in {output}",
            file=sys.stderr,
        )
        return status
    run.settle()
    worst = min(scores, key=lambda name: scores[name])
    count = f"{len(scores)} sequence" + ("s" if len(scores) > 1 else "")
    average = mean(scores.values())
    low, high = bootstrap_interval(np.array([*scores.values()]))
    interval = f"(95 % {low:.3f} to {high:.3f})  " if len(scores) > 1 else ""
    print(
        f"{'mean':<{width}}  {average:.3f}  {interval}success AUC over {count}; worst {worst} "
        f"{scores[worst]:.3f}"
    )
    print(f"boxes and scores lie in {output}")
    return 0


def _write_scores(
    output: Path, choice: TrackerChoice, tracker: Tracker, scores: dict[str, float]
) -> None:
    settings = as_dict(tracker.engine.preset)
    summary = {
        "network": choice.network,
        "seed": choice.seed,
        "mean": mean(scores.values()),
        "mean_interval_95": bootstrap_interval(np.array([*scores.values()])),
        "success_auc": scores,
    }
    text = json.dumps({**summary, "settings": settings}, indent=1)
    write_text(output / "scores.json", text, "scores")


def chosen(sequences: list[Sequence], names: list[str]) -> list[Sequence]:
    """Those of the given names, or all. Raises DataError for one that is not there."""
    known = {s.name: s for s in sequences}
    for name in names:
        if name not in known:
            raise DataError(f"no sequence {name!r}: {suggestion(name, known)}")
    return [known[name] for name in names] if names else sequences


def track_sequence(tracker: Tracker, sequence: Sequence, path: Path) -> Array:
    """(N, 4) boxes of one run from the rounded first box, also written to `path`. Raises DataError
    where frames and boxes differ in number."""
    truth = sequence.boxes_xywh
    box = first_box(truth)
    predictions = []
    for index, frame in enumerate(with_progress(sequence.frames, len(truth), sequence.name)):
        if index == 0:
            try:
                tracker.initialize(frame, box)
            except BoxError as error:
                raise DataError(f"sequence {sequence.name}: first {error}") from None
        elif index < len(truth):
            predictions.append(tracker.track(frame))
        else:
            raise _mismatch(sequence, "more")
    if len(predictions) + 1 < len(truth):
        raise _mismatch(sequence, f"only {len(predictions) + 1}")
    with BoxesFile(path) as file:
        file.write_first(box)
        for prediction in predictions:
            file.write(prediction)
    return np.array([box, *(prediction.box for prediction in predictions)])


def _mismatch(sequence: Sequence, frames: str) -> DataError:
    return DataError(
        f"sequence {sequence.name} has {len(sequence.boxes_xywh)} boxes, but {frames} frames in "
        f"{sequence.frames.path}"
    )
