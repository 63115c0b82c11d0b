"""Tables as text: for a terminal, markdown, LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas

    from pytracking.evaluation.comparison import Comparison

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
}

MOST = 24
"""Letters of a label in the head of another column."""


@dataclass(frozen=True)
class Sheet:
    """A table as it is read: the first column names the rows, the others are numbers."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def scores_sheet(comparison: Comparison, table: pandas.DataFrame) -> Sheet:
    """`scores_table`, intervals beside what they are of."""
    first = comparison.first
    columns = {name: [number(v) for v in table[name]] for name in (first,)}
    if "low" in table:
        columns["95 %"] = _intervals(table, "low", "high")
    for reading in comparison.protocol.readings[1:]:
        columns[reading.name] = [number(v) for v in table[reading.name]]
    if "difference" in table:
        columns[f"difference from {_cut(comparison.trackers[0].label)}"] = [
            number(v, signed=True) for v in table["difference"]
        ]
        if "difference_low" in table:
            columns["95 % of it"] = _intervals(table, "difference_low", "difference_high", True)
    if "spread" in table:
        columns["runs"] = [str(v) for v in table["runs"]]
        columns["spread"] = [number(v) for v in table["spread"]]
    if "fps" in table:
        columns["fps"] = [number(v, digits=1) for v in table["fps"]]
    return _sheet(comparison.title, "tracker", [str(v) for v in table.index], columns)


def plain_sheet(title: str, table: pandas.DataFrame) -> Sheet:
    """Any table: whole numbers as they are, others with two decimals. `difference` says of which
    columns: those before it are the number of frames and a column a tracker."""
    columns = {
        (_less(table) if name == "difference" else str(name)): [
            str(v) if isinstance(v, int) else number(v, signed=name == "difference")
            for v in table[name].tolist()
        ]
        for name in table.columns
    }
    return _sheet(title, str(table.index.name), [str(v) for v in table.index], columns)


def number(value: float, digits: int = 2, signed: bool = False) -> str:
    """With decimals; a dash where it is not known."""
    return "-" if math.isnan(value) else f"{value:{'+' if signed else ''}.{digits}f}"


def _less(table: pandas.DataFrame) -> str:
    one, two = (_cut(str(name)) for name in table.columns[1:3])
    return f"{two} less {one}"


def _cut(label: str) -> str:
    """A label may be long, and a column's head is no place for it."""
    return label if len(label) <= MOST else f"{label[: MOST - 2]}.."


def _intervals(table: pandas.DataFrame, low: str, high: str, signed: bool = False) -> list[str]:
    return [
        "-" if math.isnan(a) else f"{number(a, 1, signed)} to {number(b, 1, signed)}"
        for a, b in zip(table[low], table[high], strict=True)
    ]


def _sheet(title: str, index: str, names: Sequence[str], columns: dict[str, list[str]]) -> Sheet:
    rows = zip(names, *columns.values(), strict=True)
    return Sheet(title, (index, *columns), tuple(rows))


def markdown(sheet: Sheet) -> str:
    """A table of GitHub's kind below its title."""
    escaped = lambda word: re.sub(r"([\\|*_`<>\[\]])", r"\\\1", _one_line(word))  # noqa: E731
    lines = ["| " + " | ".join(map(escaped, row)) + " |" for row in (sheet.header, *sheet.rows)]
    lines.insert(1, "|" + "---|" + "---:|" * (len(sheet.header) - 1))
    return f"{escaped(sheet.title)}\n\n" + "\n".join(lines) + "\n"


def latex(sheet: Sheet) -> str:
    """A table for the package booktabs."""
    escaped = lambda word: "".join(_LATEX.get(letter, letter) for letter in _one_line(word))  # noqa: E731
    lines = [" & ".join(map(escaped, row)) + r" \\" for row in (sheet.header, *sheet.rows)]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{escaped(sheet.title)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(sheet.header) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def print_sheet(sheet: Sheet) -> None:
    """On standard output: drawn on a terminal, in plain columns elsewhere."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        _draw(console, sheet)
        return
    rows = [tuple(map(_one_line, row)) for row in (sheet.header, *sheet.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print(_one_line(sheet.title))
    for name, *values in rows:
        cells = [f"{v:>{w}}" for v, w in zip(values, widths[1:], strict=True)]
        print("  ".join([f"{name:<{widths[0]}}", *cells]).rstrip())


def _draw(console: object, sheet: Sheet) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(_one_line(sheet.title)), title_justify="left", box=box.SIMPLE_HEAD)
    for column, name in enumerate(sheet.header):
        table.add_column(
            Text(name), justify="right" if column else "left", no_wrap=column > 0, overflow="fold"
        )
    for row in sheet.rows:
        table.add_row(*(Text(_one_line(word)) for word in row))
    console.print(table)  # type: ignore[attr-defined]


def _one_line(word: str) -> str:
    """What a name may hold beside letters would break a table."""
    return "".join(c if c.isprintable() else "?" for c in word)
