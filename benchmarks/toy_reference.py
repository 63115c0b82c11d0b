"""Compares results of `ltr toy` with runs of the published programs.

    python benchmarks/toy_reference.py outputs/toy [--shared ../shared]

A row for each method that has such runs: n seeds of ours and r of theirs. The bound of the
difference of means is 2 s sqrt(1/n + 1/r), s the smaller of our standard deviation and half of
their mean. Below, the single worst seed of the sampling objectives, and the divergence at M = 2.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from statistics import mean, stdev

from ltr.toy.methods import METHODS
from ltr.toy.results import Run, read_runs, values_of

NAMES = {
    "NCE": "nce",
    "NCE+": "nce_plus",
    "ML-IS": "ml_is",
    "KLD-IS": "kld_is",
    "SM": "sm",
    "DSM": "dsm",
    "EBM + learned proposal, K=4 (joint)": "proposal4",
    "MDN K=4, NLL only": "mdn4",
}
SAMPLING = ("nce", "nce_plus", "ml_is", "kld_is")
WORST = 0.34
"""No single seed of a sampling objective is to lie above, at M = 1024."""


def reference_runs(path: Path) -> dict[tuple[str, str], list[float]]:
    """By data set and method: those of 1,024 samples, or of none, with a log-softmax in float64
    where that was taken."""
    found: dict[tuple[str, str], list[float]] = {}
    for run in json.loads(path.read_text(encoding="utf-8"))["runs"]:
        exact = run["value_log_softmax_float64"]
        value = run["value"] if exact is None else exact
        if run["method"] in NAMES and run["M"] in (None, 1024) and math.isfinite(float(value)):
            key = (run["data"].removeprefix("data set "), NAMES[run["method"]])
            found.setdefault(key, []).append(float(value))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    arguments = parser.parse_args()
    ours: dict[tuple[str, str, int], list[Run]] = {}
    for run in read_runs(arguments.results):
        if run.epochs == 75:
            ours.setdefault((run.data, run.method, run.samples), []).append(run)
    print("| data | method | n | mean | s | r | their mean | difference | bound | within |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    references = reference_runs(arguments.shared / "reference" / "ebm1d_runs.json")
    for (data, method), theirs in sorted(references.items()):
        values = values_of(run for m in (0, 1024) for run in ours.get((data, method, m), ()))
        if len(values) < 2:
            continue
        spread, difference = stdev(values), mean(values) - mean(theirs)
        least = min(spread, mean(theirs) / 2)
        bound = 2 * least * math.sqrt(1 / len(values) + 1 / len(theirs))
        print(
            f"| {data} | {METHODS[method].title} | {len(values)} | {mean(values):.4f} | "
            f"{spread:.4f} | {len(theirs)} | {mean(theirs):.4f} | {difference:+.4f} | {bound:.4f} "
            f"| {'yes' if difference <= bound else 'NO'} |"
        )
    print()
    for (data, method, samples), runs in sorted(ours.items()):
        if method in SAMPLING and samples == 1024:
            worst = max(math.inf if run.value is None else run.value for run in runs)
            verdict = "below" if worst < WORST else "NOT below"
            print(
                f"data set {data}, {METHODS[method].title}: worst seed {worst:.4f}, {verdict} .34"
            )
    few = {method: values_of(ours.get(("1", method, 2), [])) for method in SAMPLING}
    if all(few.values()):
        means = {method: mean(values) for method, values in few.items()}
        ratio = max(means["nce"], means["nce_plus"]) / min(means["ml_is"], means["kld_is"])
        text = ", ".join(f"{METHODS[method].title} {value:.3f}" for method, value in means.items())
        print(f"\nM = 2, data set 1: {text}: ratio {ratio:.3f}, to be at most .5")


if __name__ == "__main__":
    main()
