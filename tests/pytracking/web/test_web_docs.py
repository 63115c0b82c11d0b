"""docs/live_web.md has every path, and nothing else."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

from web_service import served

from pytracking.web.application import routes
from pytracking.web.commands import COMMANDS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "live_web.md"


def table() -> list[list[str]]:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    begin = lines.index("| path | method | takes | does, gives |")
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[begin + 2 :])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_path_is_documented(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        there = {}
        for route in routes(server.service):
            methods = set(getattr(route, "methods", None) or {"WebSocket"}) - {"HEAD"}
            there[route.path.replace(":path", "")] = methods  # type: ignore[attr-defined]
    del there["/api/{command}"]
    there |= {f"/api/{name}": {"POST"} for name in COMMANDS}
    told = {
        path: set(row[1].split(", "))
        for row in table()
        for path in re.findall(r"`([^`]+)`", row[0])
    }
    assert told == there


def test_every_field_of_a_command_is_documented() -> None:
    rows = {row[0].strip("`").removeprefix("/api/"): row[2] for row in table()}
    for name, command in COMMANDS.items():
        optional = re.findall(r"\[`(\w+)`\]", rows[name])
        required = re.findall(r"(?<!\[)`(\w+)`", rows[name])
        assert (required, optional) == (list(command.required), list(command.optional)), name
