"""Score results of VOT's supervised experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from ltr.errors import ConfigError, ResultError
from ltr.files import write_text
from ltr.progress import counted, with_progress
from pytracking.evaluation.results import Run
from pytracking.evaluation.table_text import Sheet, latex, markdown, number, print_sheet
from pytracking.evaluation.vot import (
    EAO_FRAMES,
    SupervisedRun,
    SupervisedScores,
    supervised_run,
    supervised_scores,
)
from pytracking.evaluation.vot_overlap import Toolkit
from pytracking.evaluation.vot_run import read_result
from pytracking.sequences.benchmarks import BENCHMARKS
from pytracking.sequences.sequence import Sequence as Annotated
from pytracking.sinks.run_folder import Destination, run_folder

if TYPE_CHECKING:
    import pandas

PROTOCOL = "vot"
"""The name of the protocol."""
COLUMNS = ("tracker", "toolkit", "EAO", "A", "R", "failures")
Row = tuple[str, Toolkit, SupervisedScores]


def report_vot(
    benchmark: str,
    sequences: Sequence[Annotated],
    runs: Sequence[Run],
    output: Path | None,
    overwrite: bool,
) -> int:
    """Print accuracy, robustness and expected average overlap as both toolkits count them; write
    the table into `output`. Several runs of a tracker are its repetitions. Raises TrackingError."""
    if benchmark not in EAO_FRAMES or any(s.regions is None for s in sequences):
        known = " or ".join(name for name in EAO_FRAMES if name in BENCHMARKS)
        raise ConfigError(f"protocol {PROTOCOL} scores {known}: give another --protocol")
    rows = _rows(benchmark, sequences, runs)
    count = counted(len(sequences), "sequence")
    title = f"{BENCHMARKS[benchmark].title}, {count}, protocol {PROTOCOL}"
    cells = tuple(
        (label, toolkit, *(number(v, 4) for v in (s.eao, s.accuracy, s.robustness, s.failures)))
        for label, toolkit, s in rows
    )
    sheet = Sheet(title, COLUMNS, cells)
    if output is not None:
        files = {
            "scores.csv": _table(rows).to_csv(index=False),
            "report.md": markdown(sheet),
            "report.tex": latex(sheet),
        }
        with run_folder(Destination("--output", output, list(files), overwrite)) as run:
            for name, text in files.items():
                write_text(run.folder / name, text, "report")
            run.settle()
    print_sheet(sheet)
    print("R: pysot counts failures in a hundred frames, votchallenge exp(-30 failures / length)")
    return 0


def _rows(benchmark: str, sequences: Sequence[Annotated], runs: Sequence[Run]) -> list[Row]:
    """The best of each toolkit first."""
    labels = dict.fromkeys(run.label for run in runs)
    of_label = {label: [run for run in runs if run.label == label] for label in labels}
    compared: dict[tuple[str, Toolkit], list[list[SupervisedRun]]] = {}
    for sequence in with_progress(sequences, len(sequences), "sequences"):
        size = sequence.frame_wh
        if size is None:
            height, width = sequence.frames.frame(0).shape[:2]
            size = width, height
        assert sequence.regions is not None
        for label, own in of_label.items():
            results = [read_result(_path(run, sequence.name), len(sequence.regions)) for run in own]
            for toolkit in get_args(Toolkit):
                repetitions = [
                    supervised_run(result, sequence.regions, size, toolkit) for result in results
                ]
                compared.setdefault((label, toolkit), []).append(repetitions)
    rows = [
        (label, toolkit, supervised_scores(all_runs, EAO_FRAMES[benchmark], toolkit))
        for (label, toolkit), all_runs in compared.items()
    ]
    return sorted(rows, key=lambda row: (row[1], -row[2].eao))


def _path(run: Run, sequence: str) -> Path:
    if not run.root.is_dir():
        raise ResultError(f"{run.root}: results of VOT are read from folders; extract it")
    if sequence not in run.paths:
        raise ResultError(
            f"{run.root} has no result of {sequence!r}, which protocol {PROTOCOL} refuses"
        )
    return run.paths[sequence]


def _table(rows: Sequence[Row]) -> pandas.DataFrame:
    import pandas

    return pandas.DataFrame(
        [(label, kit, s.eao, s.accuracy, s.robustness, s.failures) for label, kit, s in rows],
        columns=list(COLUMNS),
    )
