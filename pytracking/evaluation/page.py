"""A report as one page for a browser: no server, no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from ltr.progress import counted
from pytracking.evaluation.comparison import Comparison, TrackerScores
from pytracking.evaluation.table_text import Sheet, number

WORST = 8
"""Sequences that are shown of a tracker."""
TRACKERS = 6
"""Whose worst sequences are shown."""
Lines = Mapping[str, tuple[str, str]]
"""Colour and style of each tracker's, as CSS has them."""

_STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --card: #f5f6f8; --ink: #1f2933;
  --faint: #5b6672; --line: #d9dee4; --mark: #fff3cf; }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --card: #1c2229; --ink: #e6e9ed;
  --faint: #9aa5b1; --line: #323b45; --mark: #3d3515; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1320px; padding: 20px clamp(12px, 3vw, 40px) 48px;
  background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 36px 0 10px; }
h3 { font-size: 0.95rem; margin: 0 0 8px; overflow-wrap: anywhere; }
p { margin: 6px 0; color: var(--faint); max-width: 75ch; }
.scroll { overflow: auto; border: 1px solid var(--line); border-radius: 8px; }
.tall { max-height: 75vh; }
table { border-collapse: separate; border-spacing: 0; width: 100%;
  font-variant-numeric: tabular-nums; }
th, td { padding: 6px 12px; text-align: right; white-space: nowrap;
  border-top: 1px solid var(--line); }
thead th { position: sticky; top: 0; z-index: 1; border-top: 0; background: var(--card);
  color: var(--faint); font-weight: 600; vertical-align: bottom; }
tbody th { font-weight: 500; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--ground);
  min-width: 9.5rem; max-width: 18rem; white-space: normal;
  overflow-wrap: anywhere; }
thead th:first-child { background: var(--card); z-index: 2; }
td.best { font-weight: 700; }
.name { display: flex; align-items: center; gap: 0.6em; }
.name i { flex: none; width: 1.6em; }
.grid { display: grid; gap: 16px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 380px), 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 14px; min-width: 0; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; max-height: 500px; }
.bars { display: grid; grid-template-columns: minmax(0, 9rem) 1fr 3.2rem; gap: 4px 10px;
  align-items: center; margin: 0; font-variant-numeric: tabular-nums; }
.bars dt { overflow-wrap: anywhere; }
.bars dd { margin: 0; text-align: right; }
.bars i { display: block; height: 9px; border-radius: 2px; min-width: 2px; }
.bars .track { background: var(--line); border-radius: 2px; }
"""


def page(
    comparison: Comparison,
    scores: Sheet,
    by_sequence: Sheet,
    by_attribute: Sheet | None,
    svgs: Mapping[str, str],
    lines: Lines,
) -> str:
    """The page. svgs: elements by name, plots and `attributes`."""
    count = len(comparison.trackers)
    length = counted(len(comparison.sequences), "sequence")
    facts = f"{length}, protocol {comparison.protocol.name}"
    facts += f", {count} trackers" if count > 1 else ""
    first = comparison.first
    parts = [
        f"<h1>{escape(comparison.benchmark)}</h1>",
        f"<p>{escape(facts)}. {_explained(comparison)}</p>",
        "<h2>Scores</h2>",
        _table(scores, lines, comparison),
        "<h2>Plots</h2>",
        _plots({name: svg for name, svg in svgs.items() if name != "attributes"}, comparison),
    ]
    if by_attribute is not None:
        radar = {name: svg for name, svg in svgs.items() if name == "attributes"}
        table = _table(by_attribute, {}, None)
        parts += [
            f"<h2>{escape(first)} by attribute</h2>",
            f'<div class="grid">{_cards(radar, comparison)}<div>{table}</div></div>',
        ]
    parts += [f"<h2>Worst sequences, by {escape(first)}</h2>", _worst(comparison, lines)]
    parts.append(f"<h2>{escape(first)} by sequence</h2>")
    if count > 1:
        one, two = (escape(tracker.label) for tracker in comparison.trackers[:2])
        words = f"from where {two} falls behind {one} most to where it exceeds it most"
        parts.append(f"<p>In this order: {words}.</p>")
    parts.append(_table(by_sequence, {}, None, tall=True))
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(comparison.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _explained(comparison: Comparison) -> str:
    words = "Scores are in percent."
    if len(comparison.sequences) > 1:
        words += f" 95 %: interval of {escape(comparison.first)} by drawing sequences."
    if len(comparison.trackers) > 1:
        words += f" Differences are from {escape(comparison.trackers[0].label)}."
    if any(len(tracker.runs) > 1 for tracker in comparison.trackers):
        words += " Spread: standard deviation between runs."
    return words


def _table(
    sheet: Sheet,
    lines: Lines,
    comparison: Comparison | None,
    tall: bool = False,
) -> str:
    best = set() if comparison is None else _best(sheet, comparison)
    head = "".join(f'<th scope="col">{escape(word)}</th>' for word in sheet.header)
    rows = []
    for k, (name, *values) in enumerate(sheet.rows):
        cells = "".join(
            f'<td class="best">{escape(v)}</td>' if (k, column) in best else f"<td>{escape(v)}</td>"
            for column, v in enumerate(values, 1)
        )
        rows.append(f'<tr><th scope="row">{_named(name, lines)}</th>{cells}</tr>')
    return (
        f'<div class="scroll{" tall" if tall else ""}" tabindex="0"><table aria-label='
        f'"{escape(sheet.title)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _best(sheet: Sheet, comparison: Comparison) -> set[tuple[int, int]]:
    """Row and column of the highest of each score, where there are several."""
    if len(sheet.rows) < 2:
        return set()
    readings = [reading.name for reading in comparison.protocol.readings]
    found = set()
    for column, name in enumerate(sheet.header):
        if name in readings:
            values = [row[column] for row in sheet.rows]
            highest = max((v for v in values if v != "-"), key=float, default=None)
            found |= {(k, column) for k, v in enumerate(values) if v == highest}
    return found


def _named(label: str, lines: Lines) -> str:
    """A tracker with its line, as in the plots."""
    if label not in lines:
        return escape(label)
    colour, style = lines[label]
    line = f'<i style="border-top:3px {style} {colour}"></i>'
    return f'<span class="name">{line}<span>{escape(label)}</span></span>'


def _plots(svgs: Mapping[str, str], comparison: Comparison) -> str:
    return f'<div class="grid">{_cards(svgs, comparison)}</div>'


def _cards(svgs: Mapping[str, str], comparison: Comparison) -> str:
    return "".join(
        f'<figure class="card" role="img" aria-label="{escape(name.replace("_", " "))}, '
        f'{escape(comparison.title)}">{svg}</figure>'
        for name, svg in svgs.items()
    )


def _worst(comparison: Comparison, lines: Lines) -> str:
    cards = [
        f'<div class="card"><h3>{_named(tracker.label, lines)}</h3><dl class="bars">'
        f"{''.join(_bars(comparison, tracker, lines[tracker.label][0]))}</dl></div>"
        for tracker in comparison.ranked[:TRACKERS]
    ]
    return f'<div class="grid">{"".join(cards)}</div>'


def _bars(comparison: Comparison, tracker: TrackerScores, colour: str) -> Sequence[str]:
    values = 100 * tracker.values[:, 0]
    order = np.argsort(values, kind="stable")[:WORST]  # NaN last
    return [
        f"<dt>{escape(comparison.sequences[k].name)}</dt>"
        f'<dd class="track"><i style="width:{min(max(np.nan_to_num(values[k]), 0), 100):.1f}%;'
        f'background:{colour}"></i></dd><dd>{number(values[k], 1)}</dd>'
        for k in order
    ]
