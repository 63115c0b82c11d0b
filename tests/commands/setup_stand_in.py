"""A copy of setup.sh with a stand-in for Python: no network and no real packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS = [
    Requirement(line)
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

# Stands in for Python, and for the interpreter of the environments that it makes. The folder $FAKE holds what is
# "installed", and switches: a file named like one turns it on. Every call is noted in $FAKE/calls.
FAKE_PYTHON = r"""#!/usr/bin/env bash
echo "$*" >>"$FAKE/calls"
on() { [[ -e $FAKE/$1 ]]; }
case "$*" in
    *version_info*) cat "$FAKE/version" ;;
    "-m ensurepip --upgrade") ! on no-ensurepip && rm "$FAKE/no-pip" ;;
    *ensurepip*) ! on no-ensurepip ;;
    "-m venv "*)
        mkdir -p "$3/bin"
        touch "$3/pyvenv.cfg"
        ! on venv-fails || exit 1
        cp "$0" "$3/bin/python"
        printf '#!/bin/sh\nprintf "<%%s>" pytracking "$@"\n' >"$3/bin/pytracking"
        chmod +x "$3/bin/pytracking"
        ;;
    "-m pip --version") ! on no-pip ;;
    "-m pip list"*)
        echo "numpy==2.0"
        for name in python python-headless contrib-python-headless; do
            if on "opencv-$name"; then echo "opencv-$name==4.9.0.80"; fi
        done
        ;;
    "-m pip install "*)
        if on offline; then echo "words of pip"; exit 1; fi
        case "$*" in
            *torchvision==*) ! on no-torchvision ;;
            *visdom==*) ! on no-visdom ;;
            *torch==*+cpu) ! on no-cpu-build && echo "$TORCH+cpu None" >"$FAKE/torch" ;;
            *--extra-index-url*torch==*) echo "$TORCH+cpu None" >"$FAKE/torch" ;;
            *torch==*) on torch || echo "$TORCH+cu130 13.0" >"$FAKE/torch" ;;
            *--editable*) touch "$FAKE/opencv-python" ;;
            *opencv-python-headless) touch "$FAKE/opencv-python-headless" ;;
            *opencv-contrib-*==4.9.0.80) touch "$FAKE/opencv-contrib-python-headless" ;;
        esac
        ;;
    "-m pip uninstall "*torch*) rm -f "$FAKE/torch" ;;
    "-m pip uninstall "*opencv*) rm -f "$FAKE"/opencv* ;;
    "-m pytest"*) printf '<%s>' "$@" "$OMP_NUM_THREADS" "$OMP_WAIT_POLICY" "$PWD" ;;
    *torch.version.cuda*) cat "$FAKE/torch" ;;
    *"import "*cv2*)
        if on import-fails || { [[ $* == *torch* ]] && ! on torch; }; then echo "ImportError: torn" >&2; exit 1; fi
        if on no-libgl && on opencv-python; then
            echo "ImportError: libGL.so.1: cannot open shared object file" >&2
            exit 1
        fi
        ;;
    *) echo "the stand-in does not know: $*" >&2; exit 99 ;;
esac
"""


class House:
    """A copy of what setup.sh reads, with a stand-in for Python and one for nvidia-smi."""

    def __init__(self, folder: Path):
        self.root, self.fake, self.bin, self.venv = (
            folder / name for name in ("a tree", "fake", "bin", "venv")
        )
        for made in (self.root, self.fake, self.bin):
            made.mkdir()
        for name in ("setup.sh", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root)
        self.python = self.program("fake-python", FAKE_PYTHON)
        self.program("nvidia-smi", '#!/bin/sh\ntest -e "$FAKE/gpu"\n')
        (self.fake / "version").write_text("3.11\n")

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def switch(self, name: str, on: bool = True) -> None:
        path = self.fake / name
        path.touch() if on else path.unlink()

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
        (self.fake / "calls").write_text("")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "TORCH_", "PIP_"))}
        settings = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "VENV": str(self.venv),
            "PYTHON": str(self.python),
            "FAKE": str(self.fake),
            "TORCH": pinned("torch"),
        }
        return subprocess.run(
            ["bash", str(self.root / "setup.sh"), *arguments],
            env=kept | settings | variables,
            cwd=self.fake,
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    def installs(self) -> list[str]:
        """What the last run asked pip to install, without the options that every call has."""
        calls = (self.fake / "calls").read_text().splitlines()
        found = [
            re.search(r"pip install .*--constraint .*?constraints\.txt (.*)", call)
            for call in calls
        ]
        return [match[1] for match in found if match]

    def opencv(self) -> list[str]:
        return sorted(path.name for path in self.fake.glob("opencv*"))


def pinned(name: str) -> str:
    (pin,) = [pin for pin in PINS if pin.name == name]
    (specifier,) = pin.specifier
    return specifier.version


VISDOM = [
    "setuptools<81 wheel",
    f"--no-build-isolation visdom=={pinned('visdom')} tornado=={pinned('tornado')}",
]
"""What is asked for visdom's sake."""


def refused(result, status: int, message: str) -> None:
    """Assert that the run ended with this status and exactly this one line of complaint."""
    assert (result.returncode, result.stderr) == (status, f"setup.sh: {message}\n")
