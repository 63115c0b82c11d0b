"""What both command lines make of errors and warnings: a line each, and a status."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

from pytracking.cli import main as pytracking


def test_failures_and_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pytracking.apps.listing as listing

    def fail(name: str | None) -> int:
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(listing, "run_networks", fail)
    assert pytracking(["networks"]) == 1
    expected = "pytracking: failed: RuntimeError: first line second line (--debug shows where)\n"
    assert capsys.readouterr().err == expected
    assert pytracking(["networks", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_python_m_ltr() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "ltr", "inspect", "imagnet18"], capture_output=True, text=True
    )
    said = "ltr: unknown network 'imagnet18': did you mean imagenet18?\n"
    assert (run.returncode, run.stdout, run.stderr) == (2, "", said)


def test_python_ends_without_a_look_at_each_object() -> None:
    program = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count() > 0)); {}"
    run = "from pytracking.cli import main; main({})"
    for call, frozen in ((run.format(""), "True"), (run.format("['networks']"), "False")):
        words = [sys.executable, "-c", program.format(call), "networks"]
        said = subprocess.run(words, capture_output=True, text=True).stdout
        assert said.splitlines()[-1] == frozen


def test_warnings_are_notes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import pytracking.apps.listing as listing

    def warn(name: str | None) -> int:
        warnings.warn("slow", RuntimeWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(listing, "run_networks", warn)
    assert pytracking(["networks"]) == 0
    assert capsys.readouterr().err == "pytracking: note: slow\n"
