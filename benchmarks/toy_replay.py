"""`ltr toy` with the random numbers of the published programs, one seed after another.

    python benchmarks/toy_replay.py METHOD DATA SEEDS [SEEDS ...] [--samples 1024] [--epochs 75]

SEEDS are a number or a range such as 0-19, each a row: mean and standard deviation (s) over its
seeds, range and every value, the KL to the truth or, on data set 3, the negative log likelihood.
torch's generator is seeded once, then gives weights, the order of each epoch and, for all examples
of a batch alike, offsets: so the numbers of single published runs come out again.
"""

from __future__ import annotations

import argparse
import math
from statistics import mean, stdev

from ltr.processor import one_thread
from ltr.toy.data import DATA_SETS, data_set
from ltr.toy.methods import METHODS
from ltr.toy.metric import METRICS, evaluate
from ltr.toy.randomness import Published
from ltr.toy.training import EPOCHS, Training


def replayed(method: str, data: str, seed: int, samples: int, epochs: int) -> float:
    """The metric of one seed; nan where it failed."""
    training = Training(METHODS[method].setup(data, samples), data_set(data), Published(seed))
    for _ in range(epochs):
        training.epoch()
    if training.failures:
        return math.nan
    return evaluate(training.data, training.scores_of(0, of_mixture=False))


def seeds_of(word: str) -> range:
    """Of "3" or "0-19", both ends among them."""
    first, dash, last = word.partition("-")
    if seeds := range(int(first), int(last if dash else first) + 1):
        return seeds
    raise ValueError(word)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("method", choices=METHODS)
    parser.add_argument("data", choices=DATA_SETS)
    parser.add_argument("seeds", type=seeds_of, nargs="+")
    parser.add_argument("--samples", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    title = f"{METHODS[arguments.method].title}, data set {arguments.data}"
    title += f", M = {arguments.samples}" if METHODS[arguments.method].samples else ""
    print(f"{title}, {arguments.epochs} epochs: {METRICS[arguments.data]}\n")
    print("| seeds | mean | s | range | values |\n|---|---|---|---|---|")
    for seeds in arguments.seeds:
        with one_thread():
            values = [
                replayed(
                    arguments.method, arguments.data, seed, arguments.samples, arguments.epochs
                )
                for seed in seeds
            ]
        spread = f"{stdev(values):.4f}" if len(values) > 1 else "–"
        print(
            f"| {seeds.start} to {seeds.stop - 1} | {mean(values):.4f} | {spread} | "
            f"{min(values):.4f} to {max(values):.4f} | "
            f"{', '.join(f'{value:.6f}' for value in values)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
