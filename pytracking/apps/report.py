"""Score results on a benchmark and say how they compare."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ltr.errors import ConfigError, DataError
from ltr.files import write_bytes, write_text
from ltr.progress import with_progress
from pytracking.apps import report_vot
from pytracking.apps.scoreboard import protocol_named, truth_of
from pytracking.evaluation import plots
from pytracking.evaluation import report_tables as tables
from pytracking.evaluation.comparison import Comparison, Subject, compare
from pytracking.evaluation.page import page
from pytracking.evaluation.protocols import Protocol
from pytracking.evaluation.results import Run, find_runs
from pytracking.evaluation.run_facts import read_facts
from pytracking.evaluation.table_text import (
    latex,
    markdown,
    plain_sheet,
    print_sheet,
    scores_sheet,
)
from pytracking.sequences.benchmarks import BENCHMARKS, default_protocol, open_benchmark
from pytracking.sequences.sequence import Sequence as Annotated
from pytracking.sinks.run_folder import Destination, run_folder

if TYPE_CHECKING:
    import pandas

PAGE = "index.html"
FRAMES = (".csv", ".parquet")
"""What a table can be handed out as."""
RESERVED = ("frames", "sequences", "difference", "")
"""Columns of tables, which no tracker is called."""


def run_report(
    benchmark: str,
    results: Sequence[str],
    data: Path | None = None,
    protocol: str | None = None,
    sequences: Collection[str] = (),
    output: Path | None = None,
    overwrite: bool = False,
    frame: Path | None = None,
) -> int:
    """Print the table of scores; write tables, plots and a page into `output`, and a row
    a tracker, run and sequence into `frame`. Raises TrackingError."""
    tables.check_pandas()
    if output is not None:
        plots.check_matplotlib()
    if frame is not None and frame.suffix.lower() not in FRAMES:
        raise ConfigError(f"--frame {frame}: the name must end in {' or '.join(FRAMES)}")
    name = protocol or default_protocol(benchmark)
    rule = None if name == report_vot.PROTOCOL else protocol_named(name)
    annotated = open_benchmark(benchmark, data, sequences)
    if rule is None:
        if frame is not None:
            raise ConfigError("--frame is not made of results of VOT: --output has their table")
        runs = runs_of(results, [s.name for s in annotated])
        return report_vot.report_vot(benchmark, annotated, runs, output, overwrite)
    subjects = [_subject(sequence, rule) for sequence in annotated]
    runs = runs_of(results, [s.name for s in subjects])
    title = BENCHMARKS[benchmark].title if benchmark in BENCHMARKS else Path(benchmark).name
    comparison = compare(
        title or benchmark, rule, subjects, with_progress(runs, len(runs), "results")
    )
    scores = tables.scores_table(comparison)
    if output is not None:
        files = _files(comparison, scores)
        with run_folder(Destination("--output", output, list(files), overwrite)) as run:
            for name, content in files.items():
                write_bytes(run.folder / name, content, "report")
            run.settle()
    if frame is not None:
        _write_frame(frame, tables.runs_table(comparison))
    print_sheet(scores_sheet(comparison, scores))
    if output is not None:
        print(f"tables and plots lie in {output}; open {output / PAGE} in a browser")
    return 0


def runs_of(results: Iterable[str], names: Collection[str]) -> list[Run]:
    """The runs in what the command line names, "PATH" or "LABEL=PATH" each. Trackers that would
    have the same label are told apart by where they lie. Raises ResultError."""
    trackers: list[tuple[Path | None, list[Run]]] = []
    for text in results:
        label, equals, place = text.partition("=")
        if not equals or Path(text).exists():
            label, place = "", text
        found = find_runs(Path(place), names, label)
        for own in dict.fromkeys(run.label for run in found):
            runs = [run for run in found if run.label == own]
            trackers.append((None if label else _way(Path(place), runs[0]), runs))
    labels = _told_apart([(way, runs[0].label) for way, runs in trackers])
    return [
        replace(run, label=label)
        for label, (_, runs) in zip(labels, trackers, strict=True)
        for run in runs
    ]


def _way(place: Path, run: Run) -> Path:
    """What a tracker is called after, from the root: the file of its network, where its results lie
    in a folder of that name, or else the results."""
    folder = next(iter(run.paths.values())).parent
    facts = read_facts(folder) if folder.is_dir() else None
    if facts is not None and len(Path(facts.network).parts) > 1:
        network = Path(facts.network).absolute().with_suffix("")
        if re.fullmatch(re.escape(network.name) + r"(-\d+)?", run.label):
            return network
    way = place.resolve()
    way = way if way.is_dir() else way.with_suffix("")
    return way if way.name == run.label else way / run.label


def _told_apart(trackers: Sequence[tuple[Path | None, str]]) -> list[str]:
    """A label a tracker, of its way and label: those of the same name get the parts of their ways
    that differ; whatever is still the same, a number."""
    labels: list[str] = []
    ways = [way for way, _ in trackers if way is not None]
    for way, label in trackers:
        name = label
        others = [w for w in ways if way and w.name == way.name and w != way]
        if way is not None and others:
            parts = [part for k, part in enumerate(way.parts[:-1]) if _differs(k, part, others)]
            name = "/".join([*parts, way.name if ways.count(way) == 1 else label])
        labels.append(_free(name, {*RESERVED, *labels}))
    return labels


def _differs(at: int, part: str, others: Sequence[Path]) -> bool:
    return any(at >= len(other.parts) - 1 or other.parts[at] != part for other in others)


def _free(label: str, taken: Collection[str]) -> str:
    number = 2
    free = label
    while free in taken:
        free, number = f"{label} ({number})", number + 1
    return free


def _subject(sequence: Annotated, protocol: Protocol) -> Subject:
    if len(sequence.boxes_xywh) == 1:
        raise DataError(
            f"{sequence.annotation} has the box of the first frame alone, as where a server scores "
            "results: `pytracking pack` makes what it takes"
        )
    return Subject(sequence.name, truth_of(protocol, sequence), sequence.attributes)


def _files(comparison: Comparison, scores: pandas.DataFrame) -> dict[str, bytes]:
    """What a folder of a report holds, by name."""
    by_sequence = tables.sequences_table(comparison)
    texts = {"scores.csv": scores.to_csv(), "sequences.csv": by_sequence.to_csv()}
    first, title = comparison.first, comparison.title
    of_scores = scores_sheet(comparison, scores)
    of_sequences = plain_sheet(f"{first} by sequence: {title}", by_sequence)
    of_attributes = None
    if comparison.attributes:
        by_attribute = tables.attributes_table(comparison)
        texts["attributes.csv"] = by_attribute.to_csv()
        of_attributes = plain_sheet(f"{first} by attribute: {title}", by_attribute)
    for curve in tables.CURVES:
        texts[f"{curve}.csv"] = tables.curve_table(comparison, curve).to_csv()
    sheets = [of_scores, *([of_attributes] if of_attributes else []), of_sequences]
    texts["report.md"] = "\n".join(map(markdown, sheets))
    texts["report.tex"] = "% needs \\usepackage{booktabs}\n" + "\n".join(map(latex, sheets))
    drawn = plots.figures(comparison)
    svgs = {name: plots.inline_svg(figure, name) for name, figure in drawn.items()}
    texts[PAGE] = page(
        comparison, of_scores, of_sequences, of_attributes, svgs, plots.styles(comparison)
    )
    pictures = {
        f"{name}.{kind}": plots.image(figure, kind)
        for name, figure in drawn.items()
        for kind in plots.KINDS
    }
    return {name: text.encode(errors="backslashreplace") for name, text in texts.items()} | pictures


def _write_frame(path: Path, table: pandas.DataFrame) -> None:
    if path.suffix.lower() == ".csv":
        write_text(path, table.to_csv(index=False), "table")
        return
    content = io.BytesIO()
    try:
        table.to_parquet(content, index=False)
    except ImportError:
        raise ConfigError(
            f"--frame {path}: pandas writes parquet with pyarrow, which is not installed: pip "
            "install pyarrow, or give a name that ends in .csv"
        ) from None
    write_bytes(path, content.getvalue(), "table")
