"""setup.sh: what it asks pip to install, in which order, and what it leaves as it is."""

import pytest
from setup_stand_in import VISDOM, pinned, refused


def test_torch_comes_first_then_the_project_and_each_step_is_one_line(house):
    result = house.run("install", "--device", "cpu")
    assert (result.returncode, result.stderr) == (0, "")
    assert house.installs() == [
        f"torch=={pinned('torch')}+cpu",
        f"--editable {house.root}[plots,web]",
    ]
    assert result.stdout.splitlines() == [
        f"Making the environment {house.venv} with Python 3.11",
        f"Installing torch {pinned('torch')} (cpu)",
        "Installing the project and what it needs, with its extras plots, web",
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
    assert house.installs() == [f"--editable {house.root}[plots,web]"]
    house.run("install")
    assert house.installs() == []


def test_environment_that_no_longer_imports_is_installed_again(house):
    house.run("install")
    house.switch("import-fails")
    result = house.run("install")
    assert house.installs() == [f"--editable {house.root}[plots,web]"]
    assert result.returncode == 1
    assert "all is installed and does not work: ImportError: torn" in result.stderr
    house.switch("import-fails", on=False)
    house.run("install")
    assert house.installs() == [f"--editable {house.root}[plots,web]"], (
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
        f"--editable {house.root}[plots,tables,dev]",
        f"{index} torchvision=={pinned('torchvision')}",
        *VISDOM,
    ]


def test_auto_takes_cuda_where_a_gpu_is_and_replaces_a_cpu_build(house):
    house.run("install")
    house.switch("gpu")
    result = house.run("install")
    assert house.installs() == [f"torch=={pinned('torch')}", f"--editable {house.root}[plots,web]"]
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
    assert house.installs() == [f"--editable {house.root}[plots,web]"]


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
    assert house.opencv() == ["opencv-python-headless"]

    house.run("install")
    assert (house.installs(), house.opencv()) == ([], ["opencv-python-headless"])

    # pip brings opencv-python back beside the headless build; with libGL there now, no import would fail.
    house.switch("no-libgl", on=False)
    assert house.run("test").returncode == 0
    assert house.opencv() == ["opencv-python-headless"]


@pytest.mark.parametrize("libgl", [True, False])
def test_a_contrib_build_that_was_there_is_kept_in_its_version(house, libgl):
    house.switch("opencv-contrib-python-headless")
    if not libgl:
        house.switch("no-libgl")
    result = house.run("install")
    assert result.returncode == 0, result.stderr
    found = "opencv-contrib-python-headless==4.9.0.80"
    assert f"\nInstalling {found} in place of opencv-python" in result.stdout
    assert house.installs()[-1] == f"--no-deps --force-reinstall {found}"
    assert house.opencv() == ["opencv-contrib-python-headless"]


def test_opencv_stays_as_it_is_where_it_works(house):
    house.run("install")
    assert house.opencv() == ["opencv-python"]
