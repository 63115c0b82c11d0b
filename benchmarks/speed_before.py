"""Whether a change made the tracker slower: frame time over R, before and after, in turn.

    python benchmarks/speed_before.py COMMIT [--net NAME ...] [--rounds 3] [--frames 100]

Runs `track_speed.py` of a checkout of COMMIT and of this one alternately, one target, each in a
process of its own, and prints the least ratio of each and their quotient: other load on the machine
only ever adds to a ratio.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
NETWORKS = ("imagenet_mobile", "imagenet18", "dimp18")


def ratios(checkout: Path, network: str, shared: Path, frames: int) -> dict[str, float]:
    """Frame time over R by the row's name, as the program of `checkout` prints it."""
    command = [sys.executable, str(checkout / "benchmarks" / "track_speed.py"), "--net", network]
    command += ["--targets", "1", "--frames", str(frames), "--shared", str(shared)]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        command, check=True, cwd=checkout, env=environment, capture_output=True, text=True
    )
    rows = re.findall(r"^\| ([\w ]+) \| 1 \| \*\*([\d.]+)\*\*", run.stdout, re.MULTILINE)
    return {name: float(ratio) for name, ratio in rows}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shared = Path(os.environ.get("TRACKING_SHARED", "../shared"))
    parser.add_argument("commit")
    parser.add_argument("--net", nargs="+", default=NETWORKS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--shared", type=Path, default=shared)
    chosen = parser.parse_args()
    git = ["git", "-C", str(ROOT), "worktree"]
    with TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run([*git, "add", "--quiet", "--detach", str(before), chosen.commit], check=True)
        try:
            found: dict[str, list[list[float]]] = defaultdict(lambda: [[], []])
            for network in chosen.net:
                for _ in range(chosen.rounds):
                    for side, checkout in enumerate((before, ROOT)):
                        runs = ratios(checkout, network, chosen.shared.resolve(), chosen.frames)
                        for name, ratio in runs.items():
                            found[name][side].append(ratio)
        finally:
            subprocess.run([*git, "remove", "--force", str(before)], check=True)
    print(f"| network | frame / R at {chosen.commit} | here | quotient | all runs |")
    print("|---" * 5 + "|")
    for name, (old, new) in found.items():
        runs = "; ".join(" ".join(f"{ratio:.2f}" for ratio in side) for side in (old, new))
        print(f"| {name} | {min(old):.2f} | {min(new):.2f} | {min(new) / min(old):.3f} | {runs} |")


if __name__ == "__main__":
    main()
