"""What commands list, their help, and completion in a shell: at once, and without a heavy module."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ltr.cli import COMMANDS as LTR
from ltr.cli import main as ltr
from pytracking.cli import COMMANDS as PYTRACKING
from pytracking.cli import main as pytracking
from pytracking.tracker.presets import PRESETS, PURPOSES

HEAVY = {"torch", "numpy", "cv2", "rich", "matplotlib", "safetensors"}


def test_networks_name_the_folder_of_the_user_before_it_is_there(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "pytracking" / "checkpoints"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for line in (f"; later {own}, which the first conversion makes\n", f", {own}\n"):
        assert pytracking(["networks"]) == 0
        assert line in capsys.readouterr().out
        own.mkdir(parents=True, exist_ok=True)


def test_networks_and_presets(capsys: pytest.CaptureFixture[str]) -> None:
    assert pytracking(["networks"]) == 0
    assert "imagenet18 " in capsys.readouterr().out
    assert pytracking(["networks", "imagenet_mobile"]) == 0
    assert "MobileNetV2" in capsys.readouterr().out
    assert pytracking(["presets"]) == 0
    shown = capsys.readouterr().out
    for name in PRESETS:
        assert re.search(rf"^{name} +{re.escape(PURPOSES[name])}$", shown, re.MULTILINE)
    assert pytracking(["presets", "imagenet18"]) == 0
    shown = capsys.readouterr().out
    assert "localization.not_found_threshold" in shown
    assert "below this peak the target is not moved" in shown
    values = dict(line.split(maxsplit=1) for line in shown.splitlines())
    assert values["localization.distractor_threshold"].startswith("off (1e+06)  ")
    assert values["localization.hard_sample_threshold"].startswith("off (-1e+09)  ")
    assert values["localization.uncertain_threshold"].startswith("0.3  ")
    assert pytracking(["presets", "imagenet18", "--toml"]) == 0
    assert "\ndistractor_threshold = 1000000.0\n" in capsys.readouterr().out
    assert ltr(["inspect", "imagenet18", "--tensors"]) == 0
    shown = capsys.readouterr().out
    assert "is sound" in shown
    assert "classifier.feature_extractor.0.weight" in shown


def test_help_answers_at_once_and_teaches() -> None:
    """Without a heavy module, and in half a second of processor time."""
    for program, commands in (("pytracking", PYTRACKING), ("ltr", LTR)):
        for command in ([], *([name] for name in commands if name != "completion")):
            begin = os.times().children_user
            run = subprocess.run(
                [sys.executable, "-X", "importtime", "-m", program, *command, "--help"],
                capture_output=True,
                text=True,
                check=True,
            )
            used = os.times().children_user - begin
            imported = {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}
            assert "examples:" in run.stdout, command
            assert "click" in imported, "what is imported is seen"
            assert not imported & HEAVY, command
            assert used < 0.5, f"{program} {command} --help took {used:.1f} s"


def test_listing_and_completing_need_no_torch() -> None:
    code = (
        "import sys, ltr.checkpoints, pytracking, pytracking.tracker.presets\n"
        "print(*{'torch', 'numpy'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "\n"


def test_nothing_in_the_environment_changes_by_import() -> None:
    code = (
        "import os; before = dict(os.environ)\n"
        "import pytracking, pytracking.cli, pytracking.api, ltr.cli\n"
        "assert os.environ == before\n"
        "assert pytracking.cli.main(['--version']) == 0\n"
        "print(os.environ['OMP_WAIT_POLICY'])"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert run.stdout.endswith("\nPASSIVE\n")


def test_a_preset_of_a_file_and_in_what_two_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.toml"
    assert pytracking(["presets", "imagenet18", "--toml"]) == 0
    mine.write_text(capsys.readouterr().out.replace("learning_rate = ", "learning_rate = 0.1 # "))

    assert pytracking(["presets", "imagenet18", str(mine)]) == 0
    ((name, change),) = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert name == "memory.learning_rate"
    assert change.endswith(" -> 0.1")

    assert pytracking(["presets", "imagenet18", "imagenet18"]) == 0
    assert capsys.readouterr().out == "imagenet18 and imagenet18 say the same\n"

    mine.write_text("[memory]\nlearning_rat = 0.1\n")
    assert pytracking(["presets", str(mine)]) == 2
    assert "did you mean memory.learning_rate?" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["presets"], ["presets", "dimp50"], ["--help"]])
def test_a_pipe_whose_reader_goes_away_is_no_failure(command: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pytracking", *command],
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == ("", 0)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tr"], {"track"}),
        (["track", "x.mp4", "--net", "imagenet"], {"imagenet18", "imagenet_mobile"}),
        (["track", "x.mp4", "--preset", "prdimp50"], {"prdimp50", "prdimp50_vot18"}),
        (["presets", "super"], {"super_dimp", "super_dimp_simple"}),
        (["networks", "imagenet_"], {"imagenet_mobile"}),
        (["track", "x.mp4", "--debug-"], {"--debug-dir"}),
        (["completion", "f"], {"fish"}),
    ],
)
def test_completion_in_bash(words: list[str], expected: set[str], tmp_path: Path) -> None:
    """The script that is printed, in a real shell."""
    program = tmp_path / "pytracking"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m pytracking "$@"\n')
    program.chmod(0o755)
    line = " ".join(["pytracking", *words])
    script = (
        f'eval "$(pytracking completion bash)"; COMP_WORDS=({line}); COMP_CWORD={len(words)}; '
        '_pytracking_completion pytracking; printf "%s\\n" "${COMPREPLY[@]}"; '
        "complete -p pytracking"
    )
    run = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    *found, registered = run.stdout.split("\n")[:-1]
    assert set(found) == expected, run.stderr
    assert "_pytracking_completion pytracking" in registered


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("pytracking track ", "file"),
        ("pytracking track x.mp4 --settings ", "file"),
        ("pytracking track x.mp4 --net ./my", "file"),
        ("pytracking networks imagenet_m", "plain"),
    ],
)
def test_completion_of_files_and_in_other_shells(
    words: str, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    last = words.rsplit(" ", 1)[1]
    parts = words.split()
    monkeypatch.setattr(sys, "argv", ["pytracking"])
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(parts) - 1 if last else len(parts)))
    for shell in ("zsh", "fish"):
        monkeypatch.setenv("_PYTRACKING_COMPLETE", f"{shell}_complete")
        if shell == "fish":
            monkeypatch.setenv("COMP_CWORD", last)
        assert pytracking() == 0
        shown = capsys.readouterr().out
        assert shown.startswith(kind), (shell, shown)
        assert kind == "file" or "imagenet_mobile" in shown
        monkeypatch.delenv("_PYTRACKING_COMPLETE")
        assert pytracking(["completion", shell]) == 0
        assert "_PYTRACKING_COMPLETE" in capsys.readouterr().out


def test_a_damaged_registry_is_silent_at_the_tab_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models.json").write_text("{")
    monkeypatch.setenv("PYTRACKING_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("COMP_WORDS", "pytracking networks x")
    monkeypatch.setenv("COMP_CWORD", "2")
    monkeypatch.setenv("_PYTRACKING_COMPLETE", "bash_complete")
    monkeypatch.setattr(sys, "argv", ["pytracking"])
    assert pytracking() == 0
    assert capsys.readouterr() == ("file,x\n", "")
