"""Track one target through a video file or a folder of frames, and write what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from ltr.errors import ResultError
from ltr.geometry import checked_box
from ltr.settings import as_dict, to_toml, with_assignments, with_toml
from pytracking.api import Tracker
from pytracking.sinks.boxes_file import BoxesFile
from pytracking.sinks.overlays import draw_box, draw_first_box
from pytracking.sinks.progress import with_progress
from pytracking.sinks.text_file import make_folder, write_text
from pytracking.sinks.video_writer import VideoWriter
from pytracking.sources.opening import open_source
from pytracking.sources.source import Source, SourceEndedEarly
from pytracking.tracker.prediction import Box

FILES = {
    "boxes.txt": "a line a frame: x,y,w,h,score,status",
    "video.mp4": "the frames with box, search area and score",
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

    def load(self, name: str = "target") -> Tracker:
        """The tracker. Raises ConfigError or CheckpointError."""
        tracker = Tracker.load(self.network, self.preset, self.device, self.seed, name=name)
        preset = tracker.engine.preset
        if self.settings is not None:
            preset = with_toml(preset, self.settings)
        tracker.engine.preset = with_assignments(preset, self.assignments)
        return tracker


def run_track(source_path: Path, box: Box, choice: TrackerChoice, output: Path | None) -> int:
    """Track `box` of the first frame to the last one; FILES go into `output`. Returns the exit status: 1 where the
    source ended early, 130 after Ctrl-C; what was tracked until then is kept, and said."""
    source = open_source(source_path)
    tracker = choice.load()
    folder = output or Path("outputs") / "track" / source.name
    if any((folder / name).resolve() == source_path.resolve() for name in FILES):
        raise ResultError(f"results in {folder} would overwrite the video {source_path}: give another --output")
    make_folder(folder)
    seconds: list[float] = []
    missing: list[int] = []
    status, why = 0, ""
    try:
        _track_all(source, box, tracker, folder, seconds, missing)
    except SourceEndedEarly as error:
        status, why = 1, f"ended early: {error}"
    except KeyboardInterrupt:
        if not seconds:
            raise
        status, why = 130, "interrupted"
    _write_facts(folder, choice, tracker, seconds)
    print("\n".join(_report(folder, tracker, seconds, missing)))
    if why:
        print(f"pytracking: {why}; kept the {len(seconds)} frames that were tracked in {folder}", file=sys.stderr)
    return status


def _track_all(
    source: Source, box: Box, tracker: Tracker, folder: Path, seconds: list[float], missing: list[int]
) -> None:
    """`seconds` grows by one entry a frame that was tracked, `missing` by the number of each without the target, so
    that the caller knows how far it came, whatever ends it."""
    with BoxesFile(folder / "boxes.txt") as boxes, VideoWriter(folder / "video.mp4", source.frame_rate) as video:
        for frame in with_progress(source, source.length, f"tracking {source.name}"):
            begin = perf_counter()
            if not seconds:
                tracker.initialize(frame, box)
                took = perf_counter() - begin
                boxes.write_first(checked_box(box))
                seconds.append(took)
                video.write(draw_first_box(frame, box))
                continue
            prediction = tracker.track(frame)
            took = perf_counter() - begin
            boxes.write(prediction)
            seconds.append(took)
            if prediction.status == "not_found":
                missing.append(len(seconds))
            video.write(draw_box(frame, prediction))


def _write_facts(folder: Path, choice: TrackerChoice, tracker: Tracker, seconds: list[float]) -> None:
    settings = f"# network {choice.network}, seed {choice.seed}\n" + to_toml(tracker.engine.preset)
    write_text(folder / "settings.toml", settings)
    timing = {
        "network": choice.network,
        "device": str(tracker.engine.net.device),
        "seed": choice.seed,
        "settings": as_dict(tracker.engine.preset),
        "first_frame_seconds": seconds[:1],
        "frame_seconds": seconds[1:],
    }
    write_text(folder / "timing.json", json.dumps(timing, indent=1))


def _report(folder: Path, tracker: Tracker, seconds: list[float], missing: list[int]) -> list[str]:
    later = sorted(seconds[1:])
    lines = [f"first frame  {seconds[0] * 1e3:.0f} ms to learn the target"]
    if later:
        mean, worst = sum(later) / len(later), later[-1]
        rate = f"{1 / mean:.1f} frames per second on {tracker.engine.net.device}"
        times = f"mean {mean * 1e3:.0f} ms, slowest {worst * 1e3:.0f} ms"
        lines.append(f"then         {len(later)} frames, {times}: {rate}")
        lines.append(
            f"not found    on {len(missing)} of them" + (f", the first is frame {missing[0]}" if missing else "")
        )
    width = max(len(str(folder / name)) for name in FILES)
    return [*lines, "files", *(f"  {folder / name!s:<{width}}  {what}" for name, what in FILES.items())]
