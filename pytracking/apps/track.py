"""Track targets through a video file or a folder of frames, and write what came of it."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from ltr.errors import BoxError, ResultError, SourceEndedEarly
from ltr.files import safe_name, write_text
from ltr.geometry import checked_box
from ltr.progress import with_progress
from ltr.settings import as_dict, to_toml
from ltr.signals import ending_of, postponed
from pytracking.api import MultiTracker
from pytracking.apps.run_report import Course, report
from pytracking.apps.tracker_choice import TrackerChoice
from pytracking.debug.gate import Gate
from pytracking.debug.pages import PAGES, pages
from pytracking.debug.probe import Probe, Probes
from pytracking.debug.visdom_board import VisdomBoard
from pytracking.debug.visdom_client import Address, require_visdom
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.display import Preview
from pytracking.sinks.overlays import Overlay
from pytracking.sinks.result_files import ResultFiles
from pytracking.sinks.result_formats import ResultRow, result_formats, row_of
from pytracking.sinks.run_folder import Destination, RunFolder, run_folder
from pytracking.sinks.run_inputs import check_inputs_kept
from pytracking.sinks.video_writer import VideoWriter, codec_name
from pytracking.sources.frame_range import WHOLE, FrameRange, frames_of
from pytracking.sources.opening import open_source
from pytracking.sources.source import Source
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box

FILES = {
    "boxes.txt": "a line a frame: x,y,w,h,score,status",
    "video.mp4": "the frames with box, status and score",
    "settings.toml": "every setting that was in force",
    "timing.json": "seconds of the first frame and of each tracked one",
}


@dataclass(frozen=True)
class TrackRequest:
    """Which part of a source is tracked, and what is written and shown of it."""

    frames: FrameRange = WHOLE
    formats: Sequence[str] = ()
    """Results are written in these as well."""
    trail: int = 0
    """Centres of each target that the video shows."""
    show: bool = False
    """A window shows what the video does."""
    visdom: Address | None = None
    """Of a server that shows what the tracker sees."""


def run_track(
    source_path: Path,
    targets: Mapping[str, Box],
    choice: TrackerChoice,
    output: Path | None,
    debug: Path | None,
    request: TrackRequest,
    overwrite: bool = False,
    box_file: Path | None = None,
) -> int:
    """Track the boxes of the first frame of the request to the last one; FILES go into `output`,
    pictures of the algorithm into `debug`. Folders that are not empty are refused, or what earlier
    runs left in them is overwritten. `box_file` is where the boxes come from. Returns the exit
    status: 1 where the source ended early or the disk is full, 130 after Ctrl-C; what was tracked
    until then is kept, and said."""
    if request.visdom:
        require_visdom()
    source = frames_of(open_source(source_path), request.frames)
    folder = output or Path("outputs") / "track" / source.name
    files = files_of(targets, request.formats, source.name, spread=True)
    results = Destination("--output", folder, files, overwrite, numbered=output is None)
    seen = debug and Destination("--debug-dir", debug, list(PAGES), overwrite, pictures=True)
    frames = [("the frames", p) for p in (source_path, source_path / "img") if p.is_dir()]
    inputs = frames or [("the video", source_path)]
    inputs += [("the boxes", box_file)] if box_file else []
    check_inputs_kept([*inputs, *choice.inputs()], [results, seen] if seen else [results])
    tracker = MultiTracker(choice.engine())
    tracker.check_room(len(targets))
    with ExitStack() as stack:
        pictures = stack.enter_context(run_folder(seen)) if seen else None
        run = stack.enter_context(run_folder(results))
        return _run(source, targets, choice, tracker, run, pictures, request)


def _run(
    source: Source,
    targets: Mapping[str, Box],
    choice: TrackerChoice,
    tracker: MultiTracker,
    run: RunFolder,
    pictures: RunFolder | None,
    request: TrackRequest,
) -> int:
    spread = tracker.engine.gives_spread
    folder, files = run.folder, files_of(targets, request.formats, source.name, spread)
    course, status, why, written = Course(), 0, "", True
    try:
        _track_all(source, targets, tracker, folder, pictures, request, course)
        _write_facts(folder, choice, tracker.engine, targets, request.frames, course.seconds)
    except (SourceEndedEarly, KeyboardInterrupt, ResultError) as error:
        if not course.seconds:
            raise
        status, why = ending(error)
        written = not isinstance(error, ResultError)
        with contextlib.suppress(ResultError):  # the first error is the one to be told of
            _write_facts(folder, choice, tracker.engine, targets, request.frames, course.seconds)
    if written:
        print("\n".join(_report(folder, tracker.engine, files, targets, course)))
        run.settle()
        if pictures is not None:
            for page, what in PAGES.items():
                print(f"  {pictures.folder / page}  {what}")
            pictures.settle()
    if why:
        kept = f"kept the {len(course.seconds)} frames that were tracked in {folder}"
        print(f"pytracking: {why}; {kept}", file=sys.stderr)
    return status


def ending(error: BaseException) -> tuple[int, str]:
    """Exit status and words for what ended a run of which something is kept."""
    if isinstance(error, SourceEndedEarly):
        return 1, f"ended early: {error}"
    return (1, str(error)) if isinstance(error, ResultError) else ending_of(error)


def files_of(
    targets: Mapping[str, Box],
    formats: Sequence[str] = (),
    sequence: str = "",
    spread: bool = False,
) -> dict[str, str]:
    """What a run writes: FILES, with a boxes file for each of several targets, the files of further
    formats, and that of the spread. Raises BoxError where two would be one."""
    forms = result_formats(formats, sequence, list(targets), spread)
    further = {name: form.what for name, form in forms.items()}
    if len(targets) == 1:
        return {**FILES, **further}
    own = {boxes_name(name, targets): f"{name}: {FILES['boxes.txt']}" for name in targets}
    if len(own) < len(targets):
        raise BoxError(f"two of the names {', '.join(targets)} are one as file names: give others")
    others = {name: what for name, what in FILES.items() if name != "boxes.txt"}
    video = {"video.mp4": "the frames with all boxes, their names and scores"}
    return {**own, **others, **video, **further}


def boxes_name(name: str, targets: Mapping[str, Box]) -> str:
    """The boxes file of a target."""
    return "boxes.txt" if len(targets) == 1 else f"boxes_{safe_name(name)}.txt"


def _track_all(
    source: Source,
    targets: Mapping[str, Box],
    tracker: MultiTracker,
    folder: Path,
    pictures: RunFolder | None,
    request: TrackRequest,
    course: Course,
) -> None:
    with ExitStack() as stack:
        files = {
            n: stack.enter_context(BoxesFile(folder / boxes_name(n, targets))) for n in targets
        }
        spread = tracker.engine.gives_spread
        forms = result_formats(request.formats, source.name, list(targets), spread)
        results = stack.enter_context(ResultFiles(folder, forms))
        video = stack.enter_context(VideoWriter(folder / "video.mp4", source.frame_rate))
        overlay = Overlay(source.frame_rate * request.frames.stride, request.trail)
        gate = Gate()
        seen: list[Probe] = []
        if pictures:
            seen += pages(pictures.folder, overlay.colours, pictures.claim)
        if request.visdom:
            seen.append(VisdomBoard(request.visdom, gate, overlay.colours))
        probes = stack.enter_context(Probes(seen))
        preview = stack.enter_context(Preview(source.name if request.show else None))
        for frame in with_progress(source, source.length, f"tracking {source.name}"):
            gate.wait()
            begin, number = perf_counter(), request.frames.number(len(course.seconds))
            if not course.seconds:
                for name, box in targets.items():
                    tracker.add(frame, box, name)
                tracker.engine.net.synchronize()
                took = perf_counter() - begin
                with postponed():  # all files have the same frames
                    for name, box in targets.items():
                        given = checked_box(box)
                        files[name].write_first(given)
                        results.write(ResultRow(number, name, given, math.nan, "init", took))
                    course.seconds.append(took)
                    picture = overlay.first(number, frame, targets)
                    video.write(picture)
                probes.begin(number, frame, targets)
                preview.show(picture)
                continue
            tracker.observer = probes.observer(number)
            predictions = tracker.track(frame)
            took = perf_counter() - begin
            with postponed():
                for name, prediction in predictions.items():
                    files[name].write(prediction)
                    results.write(row_of(number, name, prediction, took))
                course.add(number, predictions, took)
                picture = overlay.next(number, frame, predictions)
                video.write(picture)
                probes.write(number, frame, list(predictions), list(predictions.values()), took)
            preview.show(picture)


def _write_facts(
    folder: Path,
    choice: TrackerChoice,
    engine: TrackerEngine,
    targets: Mapping[str, Box],
    frames: FrameRange,
    seconds: list[float],
) -> None:
    settings = (
        f"# network {choice.network}, preset {choice.preset or 'its own'}, seed {choice.seed}\n"
        + to_toml(engine.preset)
    )
    write_text(folder / "settings.toml", settings, "settings")
    timing = {
        "network": choice.network,
        "device": str(engine.net.device),
        "seed": choice.seed,
        "targets": list(targets),
        "frames": asdict(frames),
        "settings": as_dict(engine.preset),
        "first_frame_seconds": seconds[:1],
        "frame_seconds": seconds[1:],
    }
    write_text(folder / "timing.json", json.dumps(timing, indent=1), "timing")


def _report(
    folder: Path,
    engine: TrackerEngine,
    files: Mapping[str, str],
    targets: Mapping[str, Box],
    course: Course,
) -> list[str]:
    shown = {**files, "video.mp4": f"{files['video.mp4']} ({codec_name()})"}
    width = max(len(str(folder / name)) for name in shown)
    return [
        *report(course, len(targets), engine.net.device),
        "files",
        *(f"  {folder / name!s:<{width}}  {text}" for name, text in shown.items()),
    ]
