"""What `ltr toy` gains by training all seeds at once: against one network after another, as one
writes it with `torch.nn` and autograd.

    python benchmarks/toy_speed.py [--rounds 10] [--seeds 20]

NCE on data set 1, batches of 32, points drawn for each example on both sides. Processor time of a
step of all seeds, alternately in one process; the median of the rounds.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import time
from collections.abc import Callable
from statistics import median

if __name__ == "__main__":  # as the command lines: threads that wait do not spin
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported

import torch
import torch.nn as nn
from torch import Tensor

from ltr.toy.data import DataSet, data_set
from ltr.toy.methods import METHODS
from ltr.toy.randomness import Independent
from ltr.toy.training import BATCH, LEARNING_RATE, Training

SIGMAS = (0.1, 0.8)


class Network(nn.Module):
    """That of the NCE+ paper."""

    def __init__(self) -> None:
        super().__init__()
        self.x1, self.x2 = nn.Linear(1, 10), nn.Linear(10, 10)
        self.y1, self.joint = nn.Linear(1, 10), nn.Linear(20, 10)
        self.second, self.third, self.last = nn.Linear(10, 10), nn.Linear(10, 10), nn.Linear(10, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Scores (B, M) of x (B, 1) and points (B, M, 1)."""
        feature = self.x2(self.x1(x).relu()).relu()
        feature = feature[:, None].expand(-1, y.shape[1], -1)
        z = self.joint(torch.cat([feature, self.y1(y).tanh()], dim=-1)).tanh()
        z = self.second(z).tanh() + z
        z = self.third(z).tanh() + z
        return self.last(z)[..., 0]


def plain_step(data: DataSet, samples: int) -> Callable[[], None]:
    """A step of one network."""
    network, sigmas = Network(), torch.tensor(SIGMAS)
    optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def step() -> None:
        batch = torch.randperm(len(data.x))[:BATCH]
        x, y = data.x[batch, None], data.y[batch, None]
        offsets = sigmas[torch.randint(2, (BATCH, samples))] * torch.randn(BATCH, samples)
        offsets = torch.cat([torch.zeros(BATCH, 1), offsets], dim=1)
        exponents = -((offsets[..., None] / sigmas) ** 2) / 2 - sigmas.log()
        log_noise = exponents.logsumexp(-1) - math.log(2) - math.log(2 * math.pi) / 2
        weights = network(x, (y + offsets)[..., None]) - log_noise
        loss = (weights.logsumexp(1) - weights[:, 0]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def seeds_step(data: DataSet, samples: int, seeds: int) -> Callable[[], None]:
    """A step of all seeds, as `ltr toy` makes it."""
    training = Training(METHODS["nce"].setup("1", samples), data, Independent(range(seeds)))

    def step() -> None:
        batch = training.randomness.order(len(data.x))[:, :BATCH]
        training.step(data.x[batch], data.y[batch])

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    seeds, data = arguments.seeds, data_set("1")
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}\n")
    print(
        f"| M | threads | {seeds} plain, ms | {seeds} at once, ms | ratio |\n|---|---|---|---|---|"
    )
    for samples in (1024, 16):
        for threads in (1, 2):
            torch.set_num_threads(threads)
            steps = plain_step(data, samples), seeds_step(data, samples, seeds)
            spent: tuple[list[float], list[float]] = ([], [])
            for round_number in range(arguments.rounds + 1):
                for step, times, count in zip(steps, spent, (seeds, 1), strict=True):
                    begin = time.process_time()
                    for _ in range(count):
                        step()
                    if round_number:  # the first one warms up
                        times.append(1e3 * (time.process_time() - begin))
            plain, ours = (median(times) for times in spent)
            print(f"| {samples} | {threads} | {plain:.1f} | {ours:.1f} | {ours / plain:.2f} |")


if __name__ == "__main__":
    main()
