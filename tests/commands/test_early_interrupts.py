"""An interrupt while a command begins: one line, whatever module is being imported."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time

import pytest

INTERRUPTED = """
import os, signal, sys
from {program}.__main__ import main

left = int(sys.argv.pop(1))

def count(event, _):
    global left
    if event == "import":
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
sys.addaudithook(count)
status = main()
left = 0  # what an interpreter imports at its end is no longer ours
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("program", "command"),
    [("pytracking", ["track", "nowhere.mp4", "--box", "1,2,30,40"]), ("ltr", ["inspect", "none"])],
)
def test_interrupt_while_modules_are_imported(program: str, command: list[str]) -> None:
    """At the n-th import, for many n from the first to the last: one line, never a traceback."""
    code = INTERRUPTED.format(program=program)
    said: dict[str, int] = {}
    moments = [*range(1, 8), *(int(10 * 1.7**k) for k in range(12))]
    for moment in moments:
        run = subprocess.run(
            [sys.executable, "-c", code, str(moment), *command], capture_output=True, text=True
        )
        assert run.stdout == ""
        if run.returncode == 2:  # it was done before
            break
        assert (run.returncode, run.stderr) == (130, f"{program}: interrupted\n"), moment
        said[run.stderr] = moment
    assert said[f"{program}: interrupted\n"] > 300, "torch was being imported"


@pytest.mark.slow
def test_interrupt_at_any_early_time() -> None:
    """Until `main` begins Python speaks for itself: its own start, and the import of the package, in
    which a library may set no handler."""
    ended = 0
    for milliseconds in range(30, 430, 20):
        process = subprocess.Popen(
            [sys.executable, "-m", "pytracking", "track", "nowhere.mp4", "--box", "1,2,30,40"],
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        if process.returncode == 130:
            assert error == "pytracking: interrupted\n", milliseconds
            ended += 1
        else:
            assert process.returncode in (1, -signal.SIGINT), milliseconds
            assert not re.search(r", in main$", error, re.MULTILINE), (milliseconds, error)
    assert ended, "some moment was ours"
