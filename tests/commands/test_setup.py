"""setup.sh: what it says, its verbs, and .ci/run, without a network and without real packages."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from setup_stand_in import ROOT, VISDOM, pinned, refused

# --- What setup.sh says


@pytest.mark.parametrize("script", ["setup.sh", ".ci/run"])
def test_script_is_executable_and_bash_can_read_it(script):
    result = subprocess.run(["bash", "-n", str(ROOT / script)], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_verb_and_variable(house, arguments):
    result = house.run(*arguments)
    assert (result.returncode, result.stderr) == (0, "")
    for word in (
        "setup.sh demo",
        "setup.sh test",
        "setup.sh install",
        "--device auto|cpu|cuda",
        "VENV",
        "PYTHON",
    ):
        assert word in result.stdout
    assert not house.venv.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["instal"], "unknown verb 'instal'; choose demo, test, install or --help"),
        (
            ["install", "--device", "gpu"],
            "install takes --device auto, cpu or cuda, and not '--device gpu'",
        ),
        (["install", "--device"], "install takes --device auto, cpu or cuda, and not '--device'"),
        (["install", "cpu"], "install takes --device auto, cpu or cuda, and not 'cpu'"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(house, arguments, message):
    refused(house.run(*arguments), 2, message)
    assert not house.venv.exists()


# --- The verbs


def test_demo_hands_its_arguments_through(house):
    result = house.run("demo", "--output", "a b.mp4", "")
    assert result.stdout.splitlines()[-1] == "<pytracking><demo><--output><a b.mp4><>"


def test_test_hands_its_arguments_through_and_runs_at_the_root_with_two_quiet_threads(house):
    ran = f"<-m><pytest><-k><a b><2><PASSIVE><{house.root}>"
    assert house.run("test", "-k", "a b").stdout.splitlines()[-1] == ran
    result = house.run("test", OMP_NUM_THREADS="1", OMP_WAIT_POLICY="ACTIVE")
    assert result.stdout.splitlines()[-1] == f"<-m><pytest><1><ACTIVE><{house.root}>"


def test_developers_tools_are_added_once_and_serve_install_too(house):
    house.run("install")
    house.run("test")
    assert house.installs() == [
        f"--editable {house.root}[plots,tables,dev]",
        f"torchvision=={pinned('torchvision')}",
        *VISDOM,
    ]
    for verb in ("test", "install", "demo"):
        house.run(verb)
        assert house.installs() == []


@pytest.mark.parametrize("name", ["torchvision", "visdom"])
def test_a_failing_convenience_costs_only_itself(house, name):
    house.switch(f"no-{name}")
    result = house.run("test")
    assert result.returncode == 0
    assert result.stdout.count("note: that failed, the rest works without it") == 1
    assert house.installs()[-2:] == VISDOM
    assert "<-m><pytest>" in result.stdout


# --- .ci/run


@pytest.mark.parametrize("broken", ["", "setup.sh", "ruff", "mypy", "slow_tests"])
def test_ci_runs_every_check_and_fails_if_one_does(tmp_path, broken):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    tool = 'case "$0 $*" in {}) exit 1 ;; esac\n'
    tool = tool.format({"": "nothing", "slow_tests": "*slow*durations*"}.get(broken, f"*{broken}*"))
    (tmp_path / "setup.sh").write_text(
        'mkdir -p "$VENV/bin"\n'
        f"for name in ruff mypy python; do echo '#!/bin/sh\n{tool}' >\"$VENV/bin/$name\"; done\n"
        'chmod +x "$VENV"/bin/*\n'
        'echo "$REQUIRE_SHARED $TRACKING_SHARED $OMP_NUM_THREADS $VENV"\n' + tool
    )
    for name in ("chromium", "chromedriver"):  # or the check would fetch them
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    variables = {k: v for k, v in os.environ.items() if k != "TRACKING_SHARED"}
    variables["PATH"] = f"{tmp_path}:{variables['PATH']}"
    result = subprocess.run(
        ["bash", str(tmp_path / ".ci" / "run")],
        cwd="/",
        env=variables,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == (1 if broken else 0), result.stdout + result.stderr
    headings = re.findall(r"^== (.*)", result.stdout, flags=re.M)
    assert [re.sub(r"\S*/venv/bin/", "", line) for line in headings] == [
        "browser",
        "bash setup.sh test --durations=15",
        "ruff check .",
        "mypy",
        "slow_tests",
    ]
    assert len(re.findall(r"^failed: .*", result.stdout, flags=re.M)) == (1 if broken else 0)
    shared, venv = re.search(r"^1 (/.*/shared) 2 (/.*/venv)$", result.stdout, flags=re.M).groups()
    assert Path(shared) == tmp_path.parent / "shared"
    assert not Path(venv).parent.exists()
