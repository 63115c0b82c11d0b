"""setup.sh, environment.yml and constraints.txt against pyproject.toml, without a network and without real packages."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

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
    *ensurepip*) ! on no-ensurepip ;;
    "-m venv "*)
        mkdir -p "$3/bin"
        touch "$3/pyvenv.cfg"
        ! on venv-fails || exit 1
        cp "$0" "$3/bin/python"
        printf '#!/bin/sh\nprintf "<%%s>" pytracking "$@"\n' >"$3/bin/pytracking"
        chmod +x "$3/bin/pytracking"
        ;;
    "-m pip --version") ;;
    "-m pip show "*) on opencv-headless ;;
    "-m pip install "*)
        if on offline; then echo "words of pip"; exit 1; fi
        case "$*" in
            *torchvision==*) ! on no-torchvision ;;
            *torch==*+cpu) ! on no-cpu-build && echo "$TORCH+cpu None" >"$FAKE/torch" ;;
            *--extra-index-url*torch==*) echo "$TORCH+cpu None" >"$FAKE/torch" ;;
            *torch==*) on torch || echo "$TORCH+cu130 13.0" >"$FAKE/torch" ;;
            *--editable*) touch "$FAKE/opencv" ;;
            *opencv-python-headless) touch "$FAKE/opencv-headless" ;;
        esac
        ;;
    "-m pip uninstall "*torch*) rm -f "$FAKE/torch" ;;
    "-m pip uninstall "*opencv*) rm -f "$FAKE"/opencv* ;;
    "-m pytest"*) printf '<%s>' "$@" "$OMP_NUM_THREADS" "$OMP_WAIT_POLICY" "$PWD" ;;
    *torch.version.cuda*) cat "$FAKE/torch" ;;
    *"import "*cv2*)
        if on import-fails || { [[ $* == *torch* ]] && ! on torch; }; then echo "ImportError: torn" >&2; exit 1; fi
        if on no-libgl && { on opencv || ! on opencv-headless; }; then
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


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def pinned(name: str) -> str:
    (pin,) = [pin for pin in PINS if pin.name == name]
    (specifier,) = pin.specifier
    return specifier.version


def refused(result, status: int, message: str) -> None:
    """The run ended with this status and exactly this one line of complaint."""
    assert (result.returncode, result.stderr) == (status, f"setup.sh: {message}\n")


# --- The lists of dependencies


def test_environment_yml_lists_the_dependencies_of_the_project():
    after_pip = (ROOT / "environment.yml").read_text().partition("  - pip:\n")[2]
    entries = re.findall(r'^      - "(.*)"$', after_pip, flags=re.M)
    assert entries == [*PROJECT["dependencies"], "--editable ."]


def test_environment_yml_asks_for_the_python_of_the_project():
    assert f"\n  - python{PROJECT['requires-python']}\n" in (ROOT / "environment.yml").read_text()


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.13"])
def test_every_dependency_has_one_pin_within_its_bounds(python):
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    extras = PROJECT["optional-dependencies"]
    for line in PROJECT["dependencies"] + extras["dev"] + extras["torchvision"]:
        wanted = Requirement(line)
        if wanted.marker and not wanted.marker.evaluate(environment):
            continue
        name = canonicalize_name(wanted.name)
        pins = [
            p for p in PINS if p.name == name and (not p.marker or p.marker.evaluate(environment))
        ]
        assert len(pins) == 1, f"{name} on Python {python} has {len(pins)} pins in constraints.txt"
        (specifier,) = pins[0].specifier
        assert specifier.operator == "=="
        assert Version(specifier.version) in wanted.specifier, (
            f"constraints.txt: {pins[0]} is outside {line}"
        )


def test_both_builds_of_opencv_have_the_same_version():
    assert pinned("opencv-python") == pinned("opencv-python-headless")


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


# --- Python and the environment


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
    (house.venv / "bin").mkdir(parents=True)
    (house.venv / "pyvenv.cfg").touch()
    (house.venv / "leftover").touch()
    result = house.run("install")
    assert result.returncode == 0, result.stderr
    assert f"The environment {house.venv} is half-made: making it anew" in result.stdout
    assert not (house.venv / "leftover").exists()


def test_folder_that_is_no_environment_is_left_alone(house):
    house.venv.mkdir()
    (house.venv / "thesis.tex").touch()
    message = f"{house.venv} exists and is no virtual environment; set VENV to another folder"
    refused(house.run("install"), 2, message)
    assert (house.venv / "thesis.tex").exists()


def test_environment_with_an_old_python_is_refused_and_left_alone(house):
    assert house.run("install").returncode == 0
    (house.fake / "version").write_text("3.9\n")
    message = f"{house.venv} holds Python 3.9, 3.10 or newer is needed; delete it or set VENV"
    refused(house.run("install"), 2, message)
    assert house.venv.exists()


# --- Packages


def test_torch_comes_first_then_the_project_and_each_step_is_one_line(house):
    result = house.run("install", "--device", "cpu")
    assert (result.returncode, result.stderr) == (0, "")
    assert house.installs() == [f"torch=={pinned('torch')}+cpu", f"--editable {house.root}"]
    assert result.stdout.splitlines() == [
        f"Making the environment {house.venv} with Python 3.11",
        f"Installing torch {pinned('torch')} (cpu)",
        "Installing the project and what it needs",
        f"Ready: {house.venv} (cpu)",
    ]


def test_second_run_leaves_pip_alone(house):
    house.run("install")
    result = house.run("install")
    assert (result.returncode, result.stdout) == (0, f"Ready: {house.venv} (cpu)\n")
    assert house.installs() == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_file_installs_again(house, name):
    house.run("install")
    with open(house.root / name, "a") as file:
        file.write("# changed\n")
    house.run("install")
    assert house.installs() == [f"--editable {house.root}"]
    house.run("install")
    assert house.installs() == []


def test_environment_that_no_longer_imports_is_installed_again(house):
    house.run("install")
    house.switch("import-fails")
    result = house.run("install")
    assert house.installs() == [f"--editable {house.root}"]
    assert result.returncode == 1
    assert "all is installed and does not work: ImportError: torn" in result.stderr
    house.switch("import-fails", on=False)
    house.run("install")
    assert house.installs() == [f"--editable {house.root}"], (
        "the failed run must not count as complete"
    )


def test_without_network_the_last_line_says_what_to_do_and_the_next_run_goes_on(house):
    house.switch("offline")
    log = house.venv / "setup" / "pip.log"
    message = (
        f"could not install torch {pinned('torch')}; check network and disk space, then run the same again; "
        f"pip's words are in {log}"
    )
    refused(house.run("install"), 1, message)
    assert "words of pip" in log.read_text()
    house.switch("offline", on=False)
    result = house.run("install")
    assert result.returncode == 0
    assert "Making the environment" not in result.stdout


def test_torn_torch_is_cleared_away_before_it_is_installed_again(house):
    house.run("install")
    (house.fake / "torch").unlink()
    packages = house.venv / "lib" / "python3.11" / "site-packages"
    for name in ("torch", "torch-2.0.dist-info", "torchgen"):
        (packages / name).mkdir(parents=True)
    assert house.run("install").returncode == 0
    assert [path.name for path in packages.iterdir()] == ["torchgen"]
    assert house.installs()[0] == f"torch=={pinned('torch')}+cpu"


def test_pytorch_index_is_asked_only_where_the_usual_one_has_no_cpu_build(house):
    house.switch("no-cpu-build")
    result = house.run("test", TORCH_CPU_INDEX="https://wheels.example/cpu")
    assert result.returncode == 0, result.stderr
    index = "--extra-index-url https://wheels.example/cpu"
    assert house.installs() == [
        f"torch=={pinned('torch')}+cpu",
        f"{index} torch=={pinned('torch')}",
        f"--editable {house.root}[dev]",
        f"{index} torchvision=={pinned('torchvision')}",
    ]


def test_auto_takes_cuda_where_a_gpu_is_and_replaces_a_cpu_build(house):
    house.run("install")
    house.switch("gpu")
    result = house.run("install")
    assert house.installs() == [f"torch=={pinned('torch')}", f"--editable {house.root}"]
    assert result.stdout.endswith("(cuda)\n")
    assert (house.fake / "torch").read_text() == f"{pinned('torch')}+cu130 13.0\n"


def test_demo_and_test_keep_the_device_that_was_named(house):
    house.switch("gpu")
    house.run("install", "--device=cpu")
    assert f"Ready: {house.venv} (cpu)\n" in house.run("demo").stdout
    assert house.installs() == []


def test_cuda_build_is_kept_on_the_cpu_with_a_note(house):
    house.run("install", "--device", "cuda")
    result = house.run("install", "--device", "cpu")
    assert result.returncode == 0
    assert (
        f"note: torch {pinned('torch')}+cu130 is a CUDA build; it works on the CPU all the same"
        in result.stdout
    )
    assert house.installs() == [f"--editable {house.root}"]


def test_headless_opencv_takes_over_without_libgl_and_stays(house):
    house.switch("no-libgl")
    result = house.run("install")
    assert result.returncode == 0, result.stderr
    reason = "libGL.so.1: cannot open shared object file"
    assert (
        f"\nInstalling opencv-python-headless in place of opencv-python: {reason}\n"
        in result.stdout
    )
    assert house.installs()[-1] == "--no-deps --force-reinstall opencv-python-headless"
    assert house.opencv() == ["opencv-headless"]

    house.run("install")
    assert (house.installs(), house.opencv()) == ([], ["opencv-headless"])

    # pip brings opencv-python back beside the headless build; with libGL there now, no import would fail.
    house.switch("no-libgl", on=False)
    assert house.run("test").returncode == 0
    assert house.opencv() == ["opencv-headless"]


def test_opencv_stays_as_it_is_where_it_works(house):
    house.run("install")
    assert house.opencv() == ["opencv"]


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
        f"--editable {house.root}[dev]",
        f"torchvision=={pinned('torchvision')}",
    ]
    for verb in ("test", "install", "demo"):
        house.run(verb)
        assert house.installs() == []


def test_failing_torchvision_costs_only_itself(house):
    house.switch("no-torchvision")
    result = house.run("test")
    assert result.returncode == 0
    assert "note: that failed, the rest works without it" in result.stdout
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
    variables = {k: v for k, v in os.environ.items() if k != "TRACKING_SHARED"}
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
        "bash setup.sh test --durations=15",
        "ruff check .",
        "mypy",
        "slow_tests",
    ]
    assert len(re.findall(r"^failed: .*", result.stdout, flags=re.M)) == (1 if broken else 0)
    shared, venv = re.search(r"^1 (/.*/shared) 2 (/.*/venv)$", result.stdout, flags=re.M).groups()
    assert Path(shared) == tmp_path.parent / "shared"
    assert not Path(venv).parent.exists()
