"""What it costs to have the project and to call it, before anything is tracked.

    python benchmarks/startup.py
    python benchmarks/startup.py --processes 31

Prints the time until each --help stands there and until `import pytracking` is done, the median and
the slowest of several fresh processes, and the processor time, which does not depend on whatever
else runs, beside those of a Python that does nothing; the size of the wheel, which is built into a
temporary folder and thrown away; and the packages that must be installed with it, its own
requirements and theirs without extras, by the metadata of this environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, PathDistribution, requires
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
HELP = {
    "a Python that does nothing": ["-c", "pass"],
    "`pytracking --help`": ["-m", "pytracking", "--help"],
    "`pytracking track --help`": ["-m", "pytracking", "track", "--help"],
    "`ltr --help`": ["-m", "ltr", "--help"],
}
IMPORT = "from time import perf_counter as t; b = t(); import pytracking; print(t() - b)"


def output_of(*arguments: str | Path) -> str:
    """What a fresh Python prints. Raises CalledProcessError."""
    command = [sys.executable, *map(str, arguments)]
    # compiled once, as where it is installed
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def seconds(arguments: list[str]) -> tuple[float, float]:
    """Of one fresh Python, from its call to its end: on the wall, of the processor."""
    begin, before = perf_counter(), getrusage(RUSAGE_CHILDREN)
    output_of(*arguments)
    wall, after = perf_counter() - begin, getrusage(RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def times(processes: int) -> list[tuple[str, str]]:
    """Rows of the table. The commands take turns, so that whatever else runs slows all alike."""
    for arguments in HELP.values():
        seconds(arguments)  # from now on the files are compiled and in the system's cache
    rounds = [{name: seconds(HELP[name]) for name in HELP} for _ in range(processes)]
    imports = [float(output_of("-c", IMPORT)) for _ in range(processes)]
    rows = []
    for name in HELP:
        wall, processor = zip(*(one[name] for one in rounds), strict=True)
        figure = f"{1e3 * median(wall):.0f} ms, slowest {1e3 * max(wall):.0f} ms"
        rows.append((name, f"{figure}; {1e3 * median(processor):.0f} ms of the processor"))
    figure = f"{1e3 * median(imports):.1f} ms, slowest {1e3 * max(imports):.1f} ms"
    return [*rows, ("`import pytracking`, within its process", figure)]


def wheel_facts() -> list[tuple[str, str]]:
    """Rows of the table: the size of the wheel, and what must be installed with it."""
    with TemporaryDirectory() as folder:
        output_of("-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT)
        (wheel,) = Path(folder).glob("pytracking-*.whl")
        name, version, *_ = wheel.stem.split("-")
        metadata = zipfile.Path(wheel, f"{name}-{version}.dist-info/")
        named = needed_by(PathDistribution(metadata).requires)  # type: ignore[arg-type]
        megabytes = wheel.stat().st_size / 1e6
    everything = transitive(named)
    further = sorted(everything - named)
    return [
        ("wheel, networks included", f"{megabytes:.1f} MB"),
        (f"packages that it names: {', '.join(sorted(named))}", str(len(named))),
        (f"and that these need: {', '.join(further)}", str(len(further))),
        ("required packages in all", str(len(everything))),
    ]


def needed_by(requirements: list[str] | None) -> set[str]:
    """The packages that a requirement names on this Python, extras left out."""
    parsed = map(Requirement, requirements or [])
    return {
        canonicalize_name(one.name)
        for one in parsed
        if one.marker is None or one.marker.evaluate({"extra": ""})
    }


def transitive(named: set[str]) -> set[str]:
    """The packages and whatever they need in turn; one that is not installed here (OpenCV, where
    the headless build stands in its place) counts alone."""
    found: set[str] = set()
    left = set(named)
    while left:
        package = left.pop()
        found.add(package)
        try:
            left |= needed_by(requires(package)) - found
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--processes", type=int, default=15, help="default: %(default)s")
    print("| what | figure |\n|---|---|")
    for name, figure in [*times(parser.parse_args().processes), *wheel_facts()]:
        print(f"| {name} | {figure} |")


if __name__ == "__main__":
    main()
