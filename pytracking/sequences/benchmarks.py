"""The benchmarks by name: where their lists are, how they are read, which protocol scores them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ltr.data.annotated import AnnotatedVideo
from ltr.data.layouts.davis import davis_videos
from ltr.data.layouts.folders import trackingnet_names
from ltr.data.layouts.got10k import got10k_video
from ltr.data.layouts.lasot import lasot_video
from ltr.data.layouts.listed import ListedSequence, listed_video, read_list
from ltr.data.layouts.tlp import TINY, tlp_video
from ltr.data.layouts.trackingnet import trackingnet_video
from ltr.data.layouts.vot import vot_video
from ltr.data.names import read_names
from ltr.errors import DataError, suggestion
from pytracking.sequences.data_paths import data_folder
from pytracking.sequences.sequence import Sequence, find_sequences

LISTS = Path(__file__).parent / "lists"
FOLDER_PROTOCOL = "one_pass"
"""Of a plain folder of sequences."""


@dataclass(frozen=True)
class Benchmark:
    """How a benchmark is read. Its lists are data files; what they leave open is in its folder."""

    title: str
    data: str
    """The name of its folder in paths.toml, which several may share."""
    protocol: str
    """The name of the protocol that scores it unless another is asked for."""
    read: Callable[[Path, ListedSequence], list[AnnotatedVideo]]
    """(folder, row) -> the sequences of a row: one, but for DAVIS 2017."""
    list_name: str = ""
    """The file in `lists`, without its suffix; empty where there is none."""
    names: Callable[[Path], Iterable[str]] | None = None
    """(folder) -> the names, where the folder says them; what the list knows is added."""

    def listed(self) -> tuple[ListedSequence, ...]:
        """The rows of its list."""
        return tuple(read_list(LISTS / f"{self.list_name}.csv")) if self.list_name else ()

    def rows(self, folder: Path) -> tuple[ListedSequence, ...]:
        """A row a sequence, in the order of results. Raises DataError, also for a folder that does
        not hold the list, or no sequence of the published one."""
        try:
            if self.names is not None:
                known = {row.name: row for row in self.listed()}
                return tuple(known.get(name) or ListedSequence(name) for name in self.names(folder))
            rows = self.listed()
            if not any(self._holds(folder, row) for row in rows):
                self.read(folder, rows[0])
            return rows
        except DataError as error:
            if (path := _missing(error)) is None:
                raise
            raise DataError(
                f"{folder} does not look like {self.title}: there should be "
                f"{os.path.relpath(path, folder)} in it"
            ) from None

    def _holds(self, folder: Path, row: ListedSequence) -> bool:
        try:
            self.read(folder, row)
        except DataError as error:  # what else is wrong, who reads it says
            return _missing(error) is None
        return True


def _missing(error: DataError) -> str | None:
    """The file or folder that is not there; None where something else is wrong."""
    cause = error.__context__
    if isinstance(cause, (FileNotFoundError, NotADirectoryError)):
        return str(cause.filename)
    return None


def _by_name(read: Callable[[Path, str], AnnotatedVideo]) -> Callable[..., list[AnnotatedVideo]]:
    def videos(folder: Path, row: ListedSequence) -> list[AnnotatedVideo]:
        return [replace(read(folder, row.name), attributes=row.attributes)]

    return videos


def _from_table(without_box: int = 0) -> Callable[..., list[AnnotatedVideo]]:
    return lambda folder, row: [listed_video(folder, row, without_box)]


def _got10k(part: str) -> Benchmark:
    return Benchmark(
        f"GOT-10k, {part}",
        "got10k",
        "got10k",
        _by_name(lambda folder, name: got10k_video(folder / part, name)),
        f"got10k_{part}",
        lambda folder: read_names(folder / part / "list.txt"),
    )


def _trackingnet(part: str) -> Benchmark:
    return Benchmark(
        f"TrackingNet, {part}",
        "trackingnet",
        "trackingnet",
        _by_name(lambda folder, name: trackingnet_video(folder, part, name)),
        "trackingnet" if part == "TEST" else "",
        None if part == "TEST" else lambda folder: trackingnet_names(folder, part),
    )


def _vot(year: int) -> Benchmark:
    name = f"vot{year}"
    names = lambda folder: read_names(folder / "list.txt")  # noqa: E731
    return Benchmark(f"VOT {year}, short-term", name, "vot", _by_name(vot_video), name, names)


def _davis(year: int) -> Benchmark:
    return Benchmark(
        f"DAVIS {year}, val, boxes of masks",
        "davis",
        "otb",
        lambda folder, row: davis_videos(folder, row.name, apart=year == 2017),
        names=lambda folder: read_names(folder / "ImageSets" / str(year) / "val.txt"),
    )


_LASOT = _by_name(lasot_video)
_TINY = _by_name(partial(tlp_video, most=TINY))
BENCHMARKS: dict[str, Benchmark] = {
    "lasot": Benchmark("LaSOT, test", "lasot", "lasot", _LASOT, "lasot"),
    "lasot_extension": Benchmark(
        "LaSOT, extension", "lasot_extension", "lasot", _LASOT, "lasot_extension"
    ),
    "trackingnet": _trackingnet("TEST"),
    **{f"trackingnet_train_{k}": _trackingnet(f"TRAIN_{k}") for k in range(12)},
    "got10k_val": _got10k("val"),
    "got10k_test": _got10k("test"),
    "otb100": Benchmark("OTB-100", "otb100", "otb", _from_table(), "otb100"),
    "uav123": Benchmark("UAV123", "uav123", "uav", _from_table(), "uav123"),
    "uav20l": Benchmark("UAV20L", "uav123", "uav", _from_table(), "uav20l"),
    # ten of its sequences have a box less than frames
    "nfs": Benchmark("NfS at 30 fps", "nfs", "uav", _from_table(without_box=1), "nfs"),
    "tlp": Benchmark("TLP", "tlp", "uav", _by_name(tlp_video), "tlp"),
    "tinytlp": Benchmark("TinyTLP", "tlp", "uav", _TINY, "tlp"),
    "dtb70": Benchmark("DTB70", "dtb70", "otb", _from_table(), "dtb70"),
    "vot2018": _vot(2018),
    "vot2019": _vot(2019),
    "davis2016": _davis(2016),
    "davis2017": _davis(2017),
}
DATA = frozenset(benchmark.data for benchmark in BENCHMARKS.values())
"""The names that paths.toml may give folders to."""


def open_benchmark(
    name: str, root: Path | None = None, names: Collection[str] = ()
) -> list[Sequence]:
    """The sequences of a benchmark whose folder is `root`, or that of paths.toml; or of a plain
    folder, `name` being its path. All of them, or those called `names`; in the benchmark's order.

    Annotations are read, frames are not looked for. Raises DataError for what is not there or not
    as it should be, ConfigError for a broken paths.toml."""
    if (benchmark := BENCHMARKS.get(name)) is not None:
        return read_benchmark(benchmark, benchmark_folder(benchmark, root), names)
    if not Path(name).exists() and "/" not in name:
        raise DataError(
            f"{name!r} is no folder and no benchmark: {suggestion(name, BENCHMARKS)} "
            "(pytracking data lists them)"
        )
    return find_sequences(Path(name), names)


def default_protocol(name: str) -> str:
    """The protocol that scores a benchmark, or a plain folder, unless another is asked for."""
    return BENCHMARKS[name].protocol if name in BENCHMARKS else FOLDER_PROTOCOL


def benchmark_folder(benchmark: Benchmark, root: Path | None = None) -> Path:
    """Where it lies. Raises DataError, ConfigError."""
    return data_folder(benchmark.data, DATA, root)


def read_benchmark(
    benchmark: Benchmark, folder: Path, names: Collection[str] = ()
) -> list[Sequence]:
    """The sequences of a benchmark in its folder. Raises DataError."""
    rows = benchmark.rows(folder)
    known = {row.name for row in rows}
    if names:  # those of DAVIS 2017 are called after their video and the number of an object
        wanted = {name if name in known else name.rpartition("_")[0] for name in names}
        rows = tuple(row for row in rows if row.name in wanted)
    sequences = [video for row in rows for video in benchmark.read(folder, row)]
    met = {sequence.name for sequence in sequences}
    if len(met) < len(sequences):
        raise DataError(f"{folder} lists a sequence twice: fetch its list again")
    return _named(sequences, names, known | met)


def _named(
    sequences: list[Sequence], names: Collection[str], known: Collection[str]
) -> list[Sequence]:
    there = {sequence.name for sequence in sequences}
    for name in names:
        if name not in there:
            raise DataError(f"no sequence {name!r}: {suggestion(name, known)}")
    return [s for s in sequences if s.name in names] if names else sequences
