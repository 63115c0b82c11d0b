"""Plots and page of a report."""

from __future__ import annotations

import re
import sys
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from ltr.errors import ConfigError
from pytracking.evaluation import plots
from pytracking.evaluation.comparison import Comparison, Subject, TrackerScores, compare
from pytracking.evaluation.page import page
from pytracking.evaluation.protocols import PROTOCOLS, Truth
from pytracking.evaluation.report_tables import attributes_table, scores_table, sequences_table
from pytracking.evaluation.results import Result, Run
from pytracking.evaluation.table_text import plain_sheet, scores_sheet

NAMES = ["one", "<b>two</b>", "three"]
TRACKERS = {"poor & <i>": 9.0, "good": 1.0, "$x_1$": 4.0}


def compared(protocol: str = "lasot", trackers: dict[str, float] = TRACKERS) -> Comparison:
    """Trackers that are off by so many pixels."""
    true = np.tile([10.0, 20, 30, 40], (20, 1))
    truth = Truth(true, np.zeros(20, bool), np.ones(20, int), (200.0, 100.0))
    subjects = [Subject(name, truth, ("SV", "OCC", "BC")) for name in NAMES]

    def result(shift: float) -> Result:
        return Result(Path("made up"), true + np.array([shift, 0, 0, 0]))

    runs = [
        Run(label, "", Path("made up"), dict.fromkeys(NAMES, partial(result, s)), {})
        for label, s in trackers.items()
    ]
    return compare("Made <up>", PROTOCOLS[protocol], subjects, runs)


@pytest.mark.parametrize(
    ("protocol", "drawn"),
    [
        ("lasot", ["success", "precision", "norm_precision", "attributes"]),
        ("otb", ["success", "precision", "attributes"]),
        ("got10k", ["success", "attributes"]),
        ("trackingnet", ["success", "precision", "norm_precision", "attributes"]),
    ],
)
def test_what_the_protocol_reads_is_drawn_and_named(protocol: str, drawn: list[str]) -> None:
    comparison = compared(protocol)
    figures = plots.figures(comparison)
    assert list(figures) == drawn
    for figure in figures.values():
        words = [t.get_text() for t in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
        assert any(f"Made <up>, 3 sequences, protocol {protocol}" in word for word in words)


@pytest.mark.parametrize("many", [False, True])
def test_the_legend_is_sorted_by_score(many: bool) -> None:
    trackers = {f"shift {k}": float(k) for k in (3, 8, 1, 5, 2, 9, 7)} if many else TRACKERS
    comparison = compared(trackers=trackers)
    figure = plots.curve_figure(comparison, "success")
    (legend,) = figure.legends if many else [figure.axes[0].get_legend()]
    words = [text.get_text().replace("\\$", "$") for text in legend.get_texts()]
    by_shift = sorted(trackers, key=lambda label: trackers[label])
    assert [word.rpartition("  ")[0] for word in words] == by_shift
    best = comparison.ranked[0]
    assert words[0].endswith(f"  {100 * best.scores[0]:.1f}")
    (line, *_) = figure.axes[0].lines
    np.testing.assert_allclose(line.get_ydata(), 100 * best.curve("success"))


def test_a_line_is_the_same_in_all_plots_and_no_two_are_alike() -> None:
    comparison = compared(trackers={f"t{k}": float(k) for k in range(20)})
    lines = plots.styles(comparison)
    assert len(set(lines.values())) == 20
    drawn = plots.curve_figure(comparison, "precision").axes[0].lines
    colours = {line.get_label().split("  ")[0]: line.get_color() for line in drawn}
    assert all(colours[label] == colour for label, (colour, _) in lines.items())


class Reader(HTMLParser):
    """Checks that elements close in order, and collects ids, addresses and words."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src", "xlink:href"):
                self.links.append(str(value))
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag != "meta":
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_escaped_and_needs_nothing_else() -> None:
    comparison = compared()
    figures = plots.figures(comparison)
    svgs = {name: plots.inline_svg(figure, name) for name, figure in figures.items()}
    text = page(
        comparison,
        scores_sheet(comparison, scores_table(comparison)),
        plain_sheet("by sequence", sequences_table(comparison)),
        plain_sheet("by attribute", attributes_table(comparison)),
        svgs,
        plots.styles(comparison),
    )
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids) > 50
    assert reader.links
    assert all(link.startswith("#") and link[1:] in reader.ids for link in reader.links)
    assert {"poor & <i>", "good", "<b>two</b>", "$x_1$", "Made <up>"} <= set(reader.words)
    assert "<b>" not in text
    assert "<script" not in text
    assert not re.search(r"url\((?!#)|@import", text)
    assert "prefers-color-scheme: dark" in text
    assert plots.INK not in "".join(svgs.values())
    assert svgs["success"] == plots.inline_svg(plots.curve_figure(comparison, "success"), "success")


def test_a_tracker_without_a_number_comes_last() -> None:
    comparison = compared("got10k", {"bad": float("nan"), "good": 1.0})
    assert [tracker.label for tracker in comparison.ranked] == ["good", "bad"]
    (_, last) = scores_sheet(comparison, scores_table(comparison)).rows
    assert last[:3] == ("bad", "-", "-")
    plots.figures(comparison)


def test_where_the_libraries_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytracking.evaluation.report_tables import check_pandas

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ConfigError, match=r"pip install matplotlib \(the extra plots\)"):
        plots.check_matplotlib()
    with pytest.raises(ConfigError, match=r"pip install pandas \(the extra tables\)"):
        check_pandas()


def test_trackers_are_the_values_of_their_runs() -> None:
    comparison = compared()
    one, two = comparison.trackers[0].runs[0], comparison.trackers[1].runs[0]
    both = TrackerScores("both", (one, two))
    np.testing.assert_allclose(both.scores[0], both.values[:, 0].mean())
    np.testing.assert_allclose(both.over(np.array([0, 2])), both.values[[0, 2], 0].mean())
    np.testing.assert_allclose(
        both.curve("success"), (one.summary.success + two.summary.success) / 2
    )
