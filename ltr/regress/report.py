"""Tables and the report of all results in a folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ltr.checkpoints import printable
from ltr.files import write_text
from ltr.progress import counted
from ltr.regress.results import Run, read_runs
from ltr.regress.tasks import TASKS
from ltr.regress.training import OBJECTIVES, Setup, facts_of
from ltr.seeds import BEST, OF, no_results, statistics, told

REPORT = "report.md"


def write_report(folder: Path) -> str:
    """Write report.md; returns its tables. Raises ResultError."""
    runs = sorted(read_runs(folder), key=lambda r: (_group(r.setup), _row(r.setup), r.seed))
    if not runs:
        raise no_results(folder, "regress", "ltr regress cells --generate")
    tables = []
    for _, found in groupby(runs, key=lambda run: _group(run.setup)):
        rows = [list(own) for _, own in groupby(found, key=lambda run: _row(run.setup))]
        tables.append("\n".join([*_table(rows), *_comparisons(rows)]))
    head = (
        "# Energy-based regression on images\n\nEach row: networks that differ by their seed "
        "alone, evaluated after the last epoch. NLL: mean negative log likelihood of the images "
        "to test on, in nats, in the target's own unit; a mixture's is exact, an energy's that "
        "of a grid. ± is the standard error of the mean, s the standard deviation; MAE that of "
        f"the density's mean. The best {BEST} of {OF} are chosen by the number itself, as in the "
        "paper.\n\n"
    )
    write_text(folder / REPORT, head + "\n\n".join(tables) + "\n", "report")
    return "\n\n".join(tables)


def _group(setup: Setup) -> tuple[Any, ...]:
    """What the rows of a table have in common, in the order of tasks."""
    apart = ("objective", "components", "samples")
    common = [value for name, value in asdict(setup).items() if name not in apart]
    return list(TASKS).index(setup.task), *common


def _row(setup: Setup) -> tuple[int, int, int]:
    """In the order of objectives, then of what an objective uses."""
    facts = facts_of(setup)
    objective = list(OBJECTIVES).index(setup.objective)
    return objective, facts.get("components", 0), facts.get("samples", 0)


def _title(run: Run) -> str:
    name = OBJECTIVES[run.setup.objective]
    return name if run.setup.objective == "nce" else f"{name}, K = {run.setup.components}"


def _table(rows: Sequence[Sequence[Run]]) -> list[str]:
    setup = rows[0][0].setup
    task = TASKS[setup.task]
    said = "generated pictures, " if setup.generated else ""
    kept = f", kept for {counted(setup.frozen_epochs, 'epoch')}" if setup.frozen_epochs else ""
    place = f"; pictures in {printable(setup.data)}" if setup.data else ""
    lines = [
        f"## {task.title.capitalize()}: {said}{setup.trunk}, {counted(setup.epochs, 'epoch')}",
        "",
        f"Learning rate {setup.learning_rate:g}, batches of {setup.batch}; weights from elsewhere: "
        f"{printable(setup.weights)}{kept}{place}.",
        "",
        f"| NLL | M | seeds | mean | ± | s | best {BEST} | range | validation | proposal | "
        f"MAE, {task.unit} | CPU s a seed |",
        "|---" * 12 + "|",
    ]
    for runs in rows:
        first = runs[0].setup
        cells = [_title(runs[0]), "–" if first.objective == "mdn" else str(first.samples)]
        cells += [str(len(runs)), *statistics(sorted(_likelihoods(runs)))]
        cells.append(_mean(runs, lambda run: run.validation.likelihood if run.validation else None))
        cells.append(_mean(runs, lambda run: run.test.proposal_likelihood))
        errors = [run.test.error for run in runs]
        spread = f" ± {told(_error_of_mean(errors), 3)}" if len(errors) > 1 else ""
        cells.append(told(mean(errors), 3) + spread)
        cells.append(f"{mean(run.seconds for run in runs):.0f}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _likelihoods(runs: Sequence[Run]) -> list[float]:
    return [run.test.likelihood for run in runs]


def _mean(runs: Sequence[Run], value: Callable[[Run], float | None]) -> str:
    found = [v for v in map(value, runs) if v is not None]
    return told(mean(found)) if found else "–"


def _error_of_mean(values: Sequence[float]) -> float:
    return stdev(values) / math.sqrt(len(values))


def _comparisons(rows: Sequence[Sequence[Run]]) -> list[str]:
    """What a teacher does to mixtures of as many components."""
    plain = {r[0].setup.components: r for r in rows if r[0].setup.objective == "mdn"}
    lines = []
    for taught in rows:
        alone = plain.get(taught[0].setup.components)
        if taught[0].setup.objective == "teacher" and alone and min(len(alone), len(taught)) > 1:
            lines += ["", _comparison(alone, taught)]
    return lines


def _comparison(alone: Sequence[Run], taught: Sequence[Run]) -> str:
    without, with_teacher = _likelihoods(alone), _likelihoods(taught)
    change = mean(with_teacher) - mean(without)
    error = math.hypot(_error_of_mean(without), _error_of_mean(with_teacher))
    said = f"K = {alone[0].setup.components}: with the teacher the mean NLL is "
    said += f"{told(abs(change))} {'higher' if change > 0 else 'lower'}, the standard error of "
    said += f"the difference {told(error)}: "
    if change > error:
        return said + "**worse by more than one standard error**."
    return said + ("better by more than one." if -change > error else "not told apart.")
