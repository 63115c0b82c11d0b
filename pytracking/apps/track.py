"""Track targets through a video file or a folder of frames, and write what came of it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

from ltr.errors import BoxError, ResultError, SourceEndedEarly
from ltr.files import make_folder, safe_name, write_text
from ltr.geometry import checked_box, parse_named_box
from ltr.progress import with_progress
from ltr.settings import as_dict, to_toml, with_assignments, with_toml
from ltr.signals import ending_of
from pytracking.api import MultiTracker, Tracker, checked_name, load_engine
from pytracking.debug.strips import Strips
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.overlays import Overlay
from pytracking.sinks.video_writer import VideoWriter, codec_name
from pytracking.sources.opening import open_source
from pytracking.sources.source import Source
from pytracking.tracker.engine import TrackerEngine
from pytracking.tracker.prediction import Box
from pytracking.tracker.preset_settings import TrackerPreset

FILES = {
    "boxes.txt": "a line a frame: x,y,w,h,score,status",
    "video.mp4": "the frames with box, status and score",
    "settings.toml": "every setting that was in force",
    "timing.json": "seconds of the first frame and of each tracked one",
}


@dataclass(frozen=True)
class TrackerChoice:
    """Which tracker, as it is said on a command line."""

    network: str
    preset: str | None
    settings: Path | None
    assignments: Sequence[str]
    device: str
    seed: int

    def engine(self) -> TrackerEngine:
        """Raises ConfigError or CheckpointError."""
        return load_engine(self.network, self.preset, self.device, self.seed, self._changed)

    def load(self, name: str = "target") -> Tracker:
        """A tracker of one target. Raises ConfigError or CheckpointError."""
        return Tracker(self.engine(), name=name)

    def _changed(self, preset: TrackerPreset) -> TrackerPreset:
        if self.settings is not None:
            preset = with_toml(preset, self.settings)
        return with_assignments(preset, self.assignments)


@dataclass
class Course:
    """How far a run came: it grows frame by frame, so that it can be told whatever ends it."""

    seconds: list[float] = field(default_factory=list)
    """Of each frame, the first one included."""
    missing: list[int] = field(default_factory=list)
    """Frame numbers, from 1, at which a target was not found, one entry a target."""


def named_boxes(boxes: Sequence[str], file: Path | None) -> dict[str, Box]:
    """Targets from the command line, each "[NAME=]x,y,w,h", and from a file with such a line a
    target. A single one without a name is `target`, others are numbered. Raises BoxError."""
    lines = [(text, "") for text in boxes]
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise BoxError(
                f"cannot read boxes {file}: {getattr(error, 'strerror', None) or error}"
            ) from None
        rows = ((number, row.strip()) for number, row in enumerate(text.splitlines(), 1))
        lines += [
            (row, f" ({file}, line {number})")
            for number, row in rows
            if row and not row.startswith("#")
        ]
    if not lines:
        raise BoxError(f"boxes {file} holds no box: write a line [name=]x,y,w,h for each target")
    targets: dict[str, Box] = {}
    for number, (text, where) in enumerate(lines, 1):
        try:
            given, box = parse_named_box(text)
            name = checked_name(given or ("target" if len(lines) == 1 else f"target{number}"))
        except BoxError as error:
            raise BoxError(f"{error}{where}") from None
        if name in targets:
            raise BoxError(f"two targets are named {name!r}{where}: give each its own name")
        targets[name] = box
    return targets


def run_track(
    source_path: Path,
    targets: Mapping[str, Box],
    choice: TrackerChoice,
    output: Path | None,
    debug: Path | None = None,
    trail: int = 0,
) -> int:
    """Track the boxes of the first frame to the last one; FILES go into `output`, pictures of the
    algorithm into `debug`; the video shows the last `trail` centres of each target. Returns the
    exit status: 1 where the source ended early or the disk is full, 130 after Ctrl-C; what was
    tracked until then is kept, and said."""
    source = open_source(source_path)
    tracker = MultiTracker(choice.engine())
    folder = output or Path("outputs") / "track" / source.name
    files = files_of(targets)
    if any((folder / name).resolve() == source_path.resolve() for name in files):
        raise ResultError(
            f"results in {folder} would overwrite the video {source_path}: give another --output"
        )
    tracker.check_room(len(targets))
    make_folder(folder)
    course, status, why, written = Course(), 0, "", True
    try:
        _track_all(source, targets, tracker, folder, debug, trail, course)
        _write_facts(folder, choice, tracker.engine, targets, course.seconds)
    except (SourceEndedEarly, KeyboardInterrupt, ResultError) as error:
        if not course.seconds:
            raise
        status, why = ending(error)
        written = not isinstance(error, ResultError)
        with contextlib.suppress(ResultError):  # the first error is the one to be told of
            _write_facts(folder, choice, tracker.engine, targets, course.seconds)
    if written:
        print("\n".join(_report(folder, tracker.engine, targets, course)))
        if debug is not None:
            print(f"  {debug / 'index.html'}  what the tracker saw, frame by frame")
    if why:
        kept = f"kept the {len(course.seconds)} frames that were tracked in {folder}"
        print(f"pytracking: {why}; {kept}", file=sys.stderr)
    return status


def ending(error: BaseException) -> tuple[int, str]:
    """Exit status and words for what ended a run of which something is kept."""
    if isinstance(error, SourceEndedEarly):
        return 1, f"ended early: {error}"
    return (1, str(error)) if isinstance(error, ResultError) else ending_of(error)


def files_of(targets: Mapping[str, Box]) -> dict[str, str]:
    """FILES, with a boxes file for each of several targets."""
    if len(targets) == 1:
        return dict(FILES)
    own = {boxes_name(name, targets): f"{name}: {FILES['boxes.txt']}" for name in targets}
    if len(own) < len(targets):
        raise BoxError(f"two of the names {', '.join(targets)} are one as file names: give others")
    others = {name: what for name, what in FILES.items() if name != "boxes.txt"}
    return {**own, **others, "video.mp4": "the frames with all boxes, their names and scores"}


def boxes_name(name: str, targets: Mapping[str, Box]) -> str:
    """The boxes file of a target."""
    return "boxes.txt" if len(targets) == 1 else f"boxes_{safe_name(name)}.txt"


def _track_all(
    source: Source,
    targets: Mapping[str, Box],
    tracker: MultiTracker,
    folder: Path,
    debug: Path | None,
    trail: int,
    course: Course,
) -> None:
    with ExitStack() as stack:
        files = {
            n: stack.enter_context(BoxesFile(folder / boxes_name(n, targets))) for n in targets
        }
        video = stack.enter_context(VideoWriter(folder / "video.mp4", source.frame_rate))
        overlay = Overlay(source.frame_rate, trail)
        strips = stack.enter_context(
            Strips(debug, colours=overlay.colours) if debug else contextlib.nullcontext()
        )
        for frame in with_progress(source, source.length, f"tracking {source.name}"):
            begin = perf_counter()
            if not course.seconds:
                for name, box in targets.items():
                    tracker.add(frame, box, name)
                tracker.engine.net.synchronize()
                took = perf_counter() - begin
                for name, box in targets.items():
                    files[name].write_first(checked_box(box))
                course.seconds.append(took)
                video.write(overlay.first(1, frame, targets))
                continue
            number = len(course.seconds) + 1
            tracker.observer = strips.observer(number) if strips else None
            predictions = tracker.track(frame)
            took = perf_counter() - begin
            for name, prediction in predictions.items():
                files[name].write(prediction)
            course.seconds.append(took)
            course.missing += [number for p in predictions.values() if p.status == "not_found"]
            video.write(overlay.next(number, frame, predictions))
            if strips:
                strips.write(number, frame, list(predictions), list(predictions.values()))


def _write_facts(
    folder: Path,
    choice: TrackerChoice,
    engine: TrackerEngine,
    targets: Mapping[str, Box],
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
        "settings": as_dict(engine.preset),
        "first_frame_seconds": seconds[:1],
        "frame_seconds": seconds[1:],
    }
    write_text(folder / "timing.json", json.dumps(timing, indent=1), "timing")


def _report(
    folder: Path, engine: TrackerEngine, targets: Mapping[str, Box], course: Course
) -> list[str]:
    later = sorted(course.seconds[1:])
    what = "the target" if len(targets) == 1 else f"{len(targets)} targets"
    lines = [f"first frame  {course.seconds[0] * 1e3:.0f} ms to learn {what}"]
    if later:
        mean, worst = sum(later) / len(later), later[-1]
        rate = f"{1 / mean:.1f} frames per second on {engine.net.device}"
        lines.append(
            f"then         {len(later)} frames, mean {mean * 1e3:.0f} ms, slowest "
            f"{worst * 1e3:.0f} ms: {rate}"
        )
        missing = course.missing
        of_them = "of them" if len(targets) == 1 else "of them, targets counted one by one"
        lines.append(
            f"not found    on {len(missing)} {of_them}"
            + (f", the first is frame {missing[0]}" if missing else "")
        )
    files = files_of(targets)
    files["video.mp4"] += f" ({codec_name()})"
    width = max(len(str(folder / name)) for name in files)
    return [
        *lines,
        "files",
        *(f"  {folder / name!s:<{width}}  {text}" for name, text in files.items()),
    ]
