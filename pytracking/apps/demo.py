"""The demo: render the demo clip, track it, and show what came of it in numbers and pictures."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ltr.drawing import short
from ltr.errors import ResultError
from ltr.images import Frame
from ltr.progress import with_progress
from ltr.signals import postponed
from pytracking.apps.track import ending
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.debug.seen import Seen
from pytracking.evaluation.metrics import overlap, success_auc
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.overlays import UNNAMED, Overlay
from pytracking.sinks.plots import Column, Span, overlap_and_score, strip
from pytracking.sinks.run_folder import Destination, RunFolder, run_folder
from pytracking.sinks.run_inputs import check_inputs_kept
from pytracking.sinks.video_writer import VideoWriter, codec_name
from pytracking.sources.demo_clip import FRAMES, HEIGHT, WIDTH, DemoClip
from pytracking.tracker.prediction import Box, Prediction

if TYPE_CHECKING:
    from pytracking.api import Tracker

OWN_FOLDER = Path("outputs/demo")
PANELS = ("search_crop", "score_map")
"""What the strip shows of a frame, by the names of `debug.seen`."""
FILES = {
    "demo.mp4": "the clip with box, status and score; the true box is the thin white one",
    "strip.png": "what the tracker sees: frame, search area (hatched beyond the frame), score map",
    "overlap.png": "overlap with the true box, and score, over time",
    "boxes.txt": "a line a frame: x,y,w,h,score,status",
}


@dataclass(frozen=True)
class Run:
    """What came of the clip."""

    boxes_xywh: NDArray[np.float64]
    """(150, 4), the first one given."""
    scores: NDArray[np.float64]
    """(150,), NaN for the first frame."""
    statuses: tuple[str, ...]
    columns: tuple[Column, ...]
    seconds: float
    """Tracking alone, all frames but the first."""


def run_demo(choice: TrackerChoice, output: Path | None = None, overwrite: bool = False) -> int:
    """Track the demo clip of the choice's seed and write FILES into the folder `output`, or into
    outputs/demo, which is the demo's own and overwritten. Returns the exit status, 130 after
    Ctrl-C.

    Raises ConfigError or CheckpointError for what cannot be loaded, ResultError for what cannot be
    written."""
    if output is None:
        results = Destination("--output", OWN_FOLDER, FILES, overwrite=True, known=FILES)
    else:
        results = Destination("--output", output, FILES, overwrite)
    check_inputs_kept(choice.inputs(), [results])
    tracker = choice.load()
    with run_folder(results) as folder:
        return _run(choice, tracker, folder)


def _run(choice: TrackerChoice, tracker: Tracker, results: RunFolder) -> int:
    output = results.folder
    clip = DemoClip(choice.seed)
    print(
        f"demo clip: {FRAMES} frames of {WIDTH} x {HEIGHT}, seed {choice.seed}; network "
        f"{choice.network}",
        flush=True,
    )
    try:
        run = tracked(clip, tracker, output)
    except (KeyboardInterrupt, ResultError) as error:
        status, why = ending(error)
        if not isinstance(error, ResultError):
            results.settle()
        kept = "boxes" if isinstance(error, ResultError) else "video and boxes"
        print(f"pytracking: {why}; {kept} until then are in {output}", file=sys.stderr)
        return status

    overlaps = overlap(run.boxes_xywh, clip.boxes_xywh)
    if find_spec("matplotlib"):
        events = [("twin passes in front", clip.crossing), ("behind the panel", clip.occlusion)]
        spans = [Span(label, first + 1, end + 1) for label, (first, end) in events]
        overlap_and_score(output / "overlap.png", overlaps, run.scores, run.statuses, spans)
        strip(output / "strip.png", run.columns)
        print("\n".join(report(clip, run, overlaps, output, FILES)))
    else:
        written = [name for name in FILES if name not in ("overlap.png", "strip.png")]
        print("\n".join(report(clip, run, overlaps, output, written)))
        print(
            "overlap.png and strip.png are left out: they need matplotlib, pip install matplotlib"
        )
    results.settle()
    return 0


def tracked(clip: DemoClip, tracker: Tracker, output: Path) -> Run:
    """Track the clip from the true box of its first frame; writes video and boxes as it goes."""
    wanted = chosen_frames(clip)
    columns, predictions, seconds = [], [], 0.0
    first: Box = tuple(clip.boxes_xywh[0].tolist())
    overlay = Overlay(clip.frame_rate)
    with (
        BoxesFile(output / "boxes.txt") as boxes,
        VideoWriter(output / "demo.mp4", clip.frame_rate) as video,
    ):
        for index, frame in enumerate(with_progress(clip, clip.length, "rendering and tracking")):
            number = index + 1
            if index == 0:
                tracker.initialize(frame, first)
                with postponed():  # both files have the same frames
                    boxes.write_first(first)
                    video.write(overlay.first(number, frame, {UNNAMED: first}))
                continue
            tracker.observer = seen = Seen(PANELS) if index in wanted else None
            begin = perf_counter()
            prediction = tracker.track(frame)
            seconds += perf_counter() - begin
            true_box: Box = tuple(clip.boxes_xywh[index].tolist())
            predictions.append(prediction)
            with postponed():
                boxes.write(prediction)
                video.write(overlay.next(number, frame, {UNNAMED: prediction}, true_box))
            if seen is not None:
                what = f"{number}: {wanted[index]}"
                columns.append(column(seen, frame, prediction, true_box, what))
    return Run(
        boxes_xywh=np.array([first, *(prediction.box for prediction in predictions)]),
        scores=np.array([np.nan, *(prediction.score for prediction in predictions)]),
        statuses=("init", *(prediction.status for prediction in predictions)),
        columns=tuple(columns),
        seconds=seconds,
    )


def chosen_frames(clip: DemoClip) -> dict[int, str]:
    """The frames of the strip, with what happens in them."""
    return {
        15: "on its way",
        (clip.crossing[0] + clip.crossing_end) // 2: "behind the twin",
        clip.crossing_end + 2: "twin has passed",
        (clip.occlusion[0] + clip.occlusion_end) // 2: "behind the panel",
        clip.occlusion_end: "panel has gone",
        FRAMES - 10: "small again",
    }


def column(seen: Seen, frame: Frame, prediction: Prediction, true_box: Box, what: str) -> Column:
    """The strip's column of the frame of which this was `seen`."""
    crop, score_map = (seen.of(0)[name] for name in PANELS)
    crop_rgb = np.rint(crop.transpose(1, 2, 0)).clip(0, 255).astype(np.uint8)
    status = prediction.status.replace("_", " ")
    caption = f"{what}\n{status}, score {short(prediction.score)}"
    return Column(frame, prediction, crop_rgb, score_map, caption, true_box)


def report(
    clip: DemoClip,
    run: Run,
    overlaps: NDArray[np.float64],
    output: Path,
    files: Collection[str],
) -> list[str]:
    """The lines that say how it went and where those of FILES lie that were written."""
    visible = clip.covered[1:] < 0.5
    hidden = run.statuses[slice(*clip.occlusion)]
    lines = [
        f"success AUC       {success_auc(overlaps[1:]):.3f}  over the {len(overlaps) - 1} frames "
        "after the first",
        f"mean overlap      {overlaps[1:][visible].mean():.3f}  "
        f"over the {visible.sum()} of them in which less than half of the target is covered",
        f"behind the panel  not_found on {hidden.count('not_found')} of {len(hidden)} frames",
        f"speed             {(len(overlaps) - 1) / run.seconds:.1f} frames per second, tracking "
        "alone",
        "files",
    ]
    what = {**FILES, "demo.mp4": f"{FILES['demo.mp4']} ({codec_name()})"}
    width = max(len(str(output / name)) for name in files)
    return [*lines, *(f"  {output / name!s:<{width}}  {what[name]}" for name in files)]
