"""setup.sh: which Python it takes, which environments it makes, mends, and leaves alone."""

import os
import shutil
import subprocess
import sys

import pytest
from setup_stand_in import FAKE_PYTHON, ROOT, refused


@pytest.mark.parametrize("version", ["2.7", "3.9"])
def test_old_python_is_refused(house, version):
    (house.fake / "version").write_text(version)
    refused(
        house.run("install"),
        2,
        f"PYTHON={house.python} is Python {version}; name a Python 3.10 or newer",
    )
    assert not house.venv.exists()


def test_python_that_does_not_run_is_refused(house):
    shim = house.program("shim", "#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    refused(
        house.run("install", PYTHON=str(shim)),
        2,
        f"PYTHON={shim} does not run; name a Python 3.10 or newer",
    )


def test_search_passes_over_what_does_not_run_and_what_is_too_old(house):
    house.program("python3.11", "#!/bin/sh\nexit 127\n")
    house.program("python3.12", "#!/bin/sh\necho 3.9\n")
    house.program("python3.13", FAKE_PYTHON)
    (house.fake / "version").write_text("3.13\n")
    result = house.run("install", PYTHON="")
    assert result.returncode == 0, result.stderr
    assert "with Python 3.13" in result.stdout


def test_no_python_at_all_is_one_line(house):
    for name in ("python3.10", "python3.11", "python3.12", "python3.13", "python3"):
        house.program(name, "#!/bin/sh\nexit 127\n")
    cure = "install one (sudo apt install python3 python3-venv) or set PYTHON to its path"
    refused(house.run("demo", PYTHON=""), 2, f"no Python 3.10 or newer found; {cure}")


def test_missing_ensurepip_names_the_package_and_leaves_nothing(house):
    house.switch("no-ensurepip")
    cure = f"sudo apt install python3.11-venv (or, no root: uv venv --seed '{house.venv}')"
    refused(house.run("install"), 2, f"{house.python} cannot make environments; {cure}")
    assert not house.venv.exists()


def test_environment_that_failed_half_way_is_not_taken_for_good(house):
    house.switch("venv-fails")
    message = f"{house.python} could not make the environment {house.venv}; its own words are above"
    refused(house.run("install"), 1, message)
    assert not house.venv.exists()
    house.switch("venv-fails", on=False)
    assert house.run("install").returncode == 0


def test_half_made_environment_is_made_anew(house):
    """What an interruption of this script left: its own mark, and no Python that runs."""
    house.run("install")
    (house.venv / "bin" / "python").unlink()
    (house.venv / "leftover").touch()
    result = house.run("install")
    assert result.returncode == 0, result.stderr
    assert f"The environment {house.venv} is half-made: making it anew" in result.stdout
    assert not (house.venv / "leftover").exists()


def someone_elses(house):
    """An environment that another tool made in the place of VENV, with a package in it."""
    (house.venv / "bin").mkdir(parents=True)
    (house.venv / "pyvenv.cfg").touch()
    shutil.copy(house.python, house.venv / "bin" / "python")
    house.program("pytracking", "#!/bin/sh\n").rename(house.venv / "bin" / "pytracking")
    package = house.venv / "lib" / "python3.11" / "site-packages" / "theirs.py"
    package.parent.mkdir(parents=True)
    package.touch()
    return package


def test_environment_without_pip_gets_it_and_keeps_what_it_holds(house):
    """As `uv venv` makes them."""
    package = someone_elses(house)
    house.switch("no-pip")
    result = house.run("install")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"The environment {house.venv} has no pip: adding it\n")
    assert package.exists()
    assert "Making the environment" not in result.stdout
    assert "has no pip" not in house.run("install").stdout


def test_environment_that_cannot_get_pip_is_refused_and_left_alone(house):
    package = someone_elses(house)
    house.switch("no-pip")
    house.switch("no-ensurepip")
    cure = f"uv pip install --python '{house.venv}/bin/python' pip, or set VENV to another folder"
    said = f"{house.venv} has no pip and its Python cannot add it; {cure}"
    refused(house.run("install"), 2, said)
    assert package.exists()


def test_environment_of_another_tool_whose_python_is_torn_is_left_alone(house):
    package = someone_elses(house)
    (house.venv / "bin" / "python").unlink()
    said = f"{house.venv} exists and holds no Python that runs; delete it or set VENV to another folder"
    refused(house.run("install"), 2, said)
    assert package.exists()


@pytest.mark.slow
def test_a_real_environment_without_pip_gets_it(tmp_path):
    """No package index is there: the run ends at torch, with pip in the environment."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    (venv / "mine").touch()
    variables = {"VENV": str(venv), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    result = subprocess.run(
        ["bash", str(ROOT / "setup.sh"), "install", "--device", "cpu"],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1
    assert result.stdout.startswith(f"The environment {venv} has no pip: adding it\n")
    assert result.stderr.startswith("setup.sh: could not install torch ")
    assert subprocess.run([venv / "bin" / "python", "-m", "pip", "--version"]).returncode == 0
    assert (venv / "mine").exists()


def test_folder_that_is_no_environment_is_left_alone(house):
    house.venv.mkdir()
    (house.venv / "thesis.tex").touch()
    message = f"{house.venv} exists and holds no Python that runs; delete it or set VENV to another folder"
    refused(house.run("install"), 2, message)
    assert (house.venv / "thesis.tex").exists()


def test_environment_with_an_old_python_is_refused_and_left_alone(house):
    assert house.run("install").returncode == 0
    (house.fake / "version").write_text("3.9\n")
    message = f"{house.venv} holds Python 3.9, 3.10 or newer is needed; delete it or set VENV"
    refused(house.run("install"), 2, message)
    assert house.venv.exists()
