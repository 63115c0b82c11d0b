"""Progress lets everything through and tells how far it is."""

from __future__ import annotations

import pytest

import ltr.progress as progress
from ltr.progress import with_progress


def test_bar_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert list(with_progress(range(3), 3, "odd {name} [of] a file")) == [0, 1, 2]
    assert "odd {name} [of] a file" in capsys.readouterr().err


def test_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    assert list(with_progress(iter("ab"), 2, "work")) == ["a", "b"]
    assert list(with_progress(iter("c"), None, "endless")) == ["c"]
    said = capsys.readouterr().err.splitlines()
    assert said == ["work: 1 of 2, 0 s left", "work: 2 of 2, 0 s left", "endless: 1"]
