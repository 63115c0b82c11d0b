"""Say which benchmarks there are and where they lie, and whether one is complete."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ltr.data.annotated import UnopenedFrames
from ltr.data.layouts.database import SUFFIX, pack
from ltr.data.layouts.listed import ListedSequence
from ltr.data.sequences import listed
from ltr.errors import ConfigError, DataError, FrameError
from ltr.frame_folder import NumberedFrames, image_files
from ltr.progress import counted, with_progress
from ltr.video import VIDEO_SUFFIXES
from pytracking.sequences.benchmarks import (
    BENCHMARKS,
    DATA,
    Benchmark,
    benchmark_folder,
    default_protocol,
    open_benchmark,
)
from pytracking.sequences.data_paths import FILE, data_paths, paths_file
from pytracking.sequences.sequence import (
    Sequence,
    find_sequences,
    read_sequence,
    sequence_files,
)


def run_list() -> int:
    """Print every benchmark, the protocol that scores it, and its folder."""
    paths = data_paths(DATA)
    rows = [
        (name, each.protocol, each.title, str(paths.get(each.data, "-")))
        for name, each in BENCHMARKS.items()
        if not name.startswith("trackingnet_train_")
    ]
    parts = ("trackingnet_train_0 .. 11", "trackingnet", "TrackingNet, TRAIN_0 .. TRAIN_11")
    rows.append((*parts, str(paths.get("trackingnet", "-"))))
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    for *row, folder in rows:
        print(
            "  ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True)), folder
        )
    said = paths_file() or f"no {FILE}: paths.example.toml shows how to write one"
    print(f"folders: {said}")
    return 0


def run_pack(name: str, data: Path | None, output: Path) -> int:
    """Write the sequences of a benchmark or of a folder into one file."""
    if output.suffix != SUFFIX:
        raise ConfigError(
            f"{output} does not end in {SUFFIX}: give a name such as {output}{SUFFIX}"
        )
    sequences = open_benchmark(name, data)
    pack(with_progress(sequences, len(sequences), name), output)
    frames = sum(len(sequence.frames) for sequence in sequences)
    size = output.stat().st_size / 1e6
    print(
        f"{output}: {counted(len(sequences), 'sequence')}, {counted(frames, 'frame')}, "
        f"{size:.1f} MB"
    )
    return 0


def run_check(name: str, data: Path | None, every_frame: bool) -> int:
    """Open a benchmark or a plain folder, look at the first and last frame of each sequence, or at
    whether each file is there, and print a line a problem. Returns 2 where there is one."""
    if name in BENCHMARKS:
        benchmark = BENCHMARKS[name]
        folder = benchmark_folder(benchmark, data)
        total = len(rows := benchmark.rows(folder))
        found = _opened(benchmark, folder, rows)
        problems = list(_list_problems(benchmark, rows))
    else:
        folder = Path(name)
        found, total = _of_folder(folder)
        problems = list(_without_boxes(folder))
    for problem in problems:
        print(problem)
    count = frames = 0
    for sequence, expected in with_progress(found, total, name):
        own: list[str] = []
        if isinstance(sequence, DataError):
            own = [str(sequence)]
        else:
            count += 1
            try:
                frames += len(sequence.frames)
                own = list(_problems(sequence, expected, every_frame))
            except FrameError as error:
                own = [f"{sequence.name}: {error}"]
        for problem in own:
            print(problem, flush=True)
        problems += own
    title = BENCHMARKS[name].title if name in BENCHMARKS else "sequences"
    said = counted(len(problems), "problem") if problems else "no problem"
    print(
        f"{title} (protocol {default_protocol(name)}): {counted(count, 'sequence')}, "
        f"{counted(frames, 'frame')} in {folder}: {said}"
    )
    return 2 if problems else 0


def _of_folder(folder: Path) -> tuple[Iterator[tuple[Sequence | DataError, int | None]], int]:
    """Each sequence of a plain folder or of a file, or what is wrong with its boxes, and how many
    there are."""
    if folder.suffix == SUFFIX:
        sequences = find_sequences(folder)
        return ((sequence, None) for sequence in sequences), len(sequences)
    files = sequence_files(folder)

    def opened() -> Iterator[tuple[Sequence | DataError, int | None]]:
        for own in files:
            try:
                yield read_sequence(own), None
            except DataError as error:
                yield error, None

    return opened(), len(files)


def _without_boxes(folder: Path) -> Iterator[str]:
    """What looks like a sequence, but for its boxes."""
    if not folder.is_dir():
        return
    for path in listed(folder):
        if path.is_dir() and not (path / "groundtruth.txt").exists():
            if image_files(path) or image_files(path / "img", missing_ok=True):
                yield f"{path} holds frames, but no groundtruth.txt"
        elif path.suffix.lower() in VIDEO_SUFFIXES and not path.with_suffix(".txt").exists():
            yield f"{path} is a video without a {path.stem}.txt"


def _opened(
    benchmark: Benchmark, folder: Path, rows: tuple[ListedSequence, ...]
) -> Iterator[tuple[Sequence | DataError, int | None]]:
    """Each sequence, or what is wrong with its annotation, and how many frames it should have."""
    for row in rows:
        expected = None if row.frames is None else row.frames - row.skip
        try:
            for sequence in benchmark.read(folder, row):
                yield sequence, expected
        except DataError as error:
            yield error, None


def _list_problems(benchmark: Benchmark, rows: tuple[ListedSequence, ...]) -> Iterator[str]:
    """Where the list in the folder is not the published one."""
    published = {row.name for row in benchmark.listed()}
    if not published:
        return
    there = {row.name for row in rows}
    for names, what in ((published - there, "lacks"), (there - published, "has")):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            beside = "" if what == "lacks" else ", which the published list has not"
            yield f"its list {what} {min(names)}{more}{beside}"


def _problems(sequence: Sequence, expected: int | None, every_frame: bool) -> Iterator[str]:
    """Lines on what is wrong with a sequence. Raises FrameError where a frame cannot be read."""
    name, frames, boxes = sequence.name, sequence.frames, len(sequence.boxes_xywh)
    count = len(frames)
    if count == 0:
        yield f"{name}: no frame in {frames.path}"
        return
    if expected is not None and count != expected:
        yield f"{name}: {count} frames, the published list says {expected}"
    whole = isinstance(frames, UnopenedFrames)  # of NfS one box may be missing, as its layout knows
    if boxes != count and (whole or boxes not in (1, count - 1)):
        yield f"{sequence.annotation} has {boxes} boxes, but {frames.path} has {count} frames"
    first = frames.frame(0)
    if sequence.frame_wh not in (None, first.shape[1::-1]):
        width, height = first.shape[1::-1]
        yield f"{name}: frames are {width} x {height}, annotated as {sequence.frame_wh}"
    frames.frame(count - 1)
    if every_frame and isinstance(frames, NumberedFrames):
        missing = [file for k in range(count) if not (file := frames.file(k)).is_file()]
        if missing:
            yield f"{name}: {len(missing)} of {count} frames are missing, such as {missing[0]}"
    elif every_frame and isinstance(frames, UnopenedFrames):
        for _ in frames:
            pass
