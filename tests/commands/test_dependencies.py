"""pyproject.toml, constraints.txt, environment.yml and setup.sh agree on what is needed."""

import ast
import re
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from setup_stand_in import PINS, PROJECT, ROOT, pinned


def test_environment_yml_lists_the_dependencies_of_the_project():
    after_pip = (ROOT / "environment.yml").read_text().partition("  - pip:\n")[2]
    entries = re.findall(r'^      - "(.*)"$', after_pip, flags=re.M)
    extras = PROJECT["optional-dependencies"]
    assert entries == [*PROJECT["dependencies"], *extras["plots"], *extras["web"], "--editable ."]


def test_environment_yml_asks_for_the_python_of_the_project():
    assert f"\n  - python{PROJECT['requires-python']}\n" in (ROOT / "environment.yml").read_text()


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.13"])
def test_every_dependency_has_one_pin_within_its_bounds(python):
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    extras = PROJECT["optional-dependencies"].values()
    for line in [*PROJECT["dependencies"], *(line for extra in extras for line in extra)]:
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


def imported() -> set[str]:
    """The modules of other packages that `ltr` and `pytracking` import, anywhere in a file."""
    found: set[str] = set()
    for path in [*(ROOT / "ltr").rglob("*.py"), *(ROOT / "pytracking").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((node.module or "").partition(".")[0])
    return found - {*sys.stdlib_module_names, "ltr", "pytracking", "tomllib", "tomli"}


MODULES = {"opencv-python": "cv2", "vot-trax": "trax"}
"""Modules that are not called as their package."""
WITHOUT = {
    "av",
    "h5py",
    "lmdb",
    "pandas",
    "pycocotools",
    "starlette",
    "torchvision",
    "tornado",
    "trax",
    "uvicorn",
    "visdom",
    "websockets",
}
"""Extras that setup.sh does not need to find: something else is done, or said, where they are missing."""


def test_setup_checks_every_module_that_is_imported():
    listed = re.search(r'^modules="(.*)"$', (ROOT / "setup.sh").read_text(), re.MULTILINE)[1]
    others = {name for name in listed.split(", ") if not name.startswith(("ltr", "pytracking"))}
    assert others == imported() - WITHOUT


def test_every_module_that_is_imported_is_required():
    extras = PROJECT["optional-dependencies"]
    lines = [*PROJECT["dependencies"], *(e for n in extras if n != "dev" for e in extras[n])]
    names = {Requirement(line).name for line in lines}
    assert imported() <= {MODULES.get(name, name) for name in names}
