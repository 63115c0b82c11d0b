"""What --debug-dir writes: the strips and their index, and the page of the whole run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytracking.debug.probe import Probe
from pytracking.debug.run_page import PAGE, RunPage
from pytracking.debug.strips import INDEX, Strips
from pytracking.sinks.palette import TargetColours

PAGES = {
    INDEX: "what the tracker saw, frame by frame",
    PAGE: "the whole run: score, size, status, and what is in memory",
}


def pages(
    folder: Path,
    colours: TargetColours,
    claim: Callable[[list[str]], None] = lambda names: None,
) -> tuple[Probe, Probe]:
    """Both, each with a link to the other. Arguments as of `Strips`."""
    to_run, to_strips = {PAGE: "the whole run"}, {INDEX: "frame by frame"}
    return (
        Strips(folder, colours=colours, claim=claim, links=to_run),
        RunPage(folder, colours, to_strips),
    )
