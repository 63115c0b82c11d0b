"""Weights and places of stored samples, against an independent implementation (README.md section 8 there)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
import torch
from reference_presets import memory_of
from reference_tables import close, table

from pytracking.tracker.memory import Admission, first_memory, store
from pytracking.tracker.state import SampleMemory

MEMORIES = 11


class Filling:
    """Cases of memory_update.npz of one size, one number of first samples and one minimum weight, as rows of a batch."""

    def __init__(self, arrays: Any, indices: list[int]) -> None:
        cases = [table(arrays, "cases_json")[k] for k in indices]
        self.indices = indices
        self.first: int = cases[0]["num_init"]
        self.size: int = cases[0]["memory_size"]
        self.setting = memory_of(cases[0]["params"], self.size)
        self.weights = [arrays[f"m{k:02d}_weights"] for k in indices]
        self.replaced = [arrays[f"m{k:02d}_replaced"] for k in indices]
        self.rates = [
            [
                case["params"]["learning_rate"] if np.isnan(rate) else rate
                for rate in arrays[f"m{k:02d}_rates"]
            ]
            for k, case in zip(indices, cases, strict=True)
        ]

    def run(self) -> None:
        count = len(self.indices)
        updates = [len(rates) for rates in self.rates]
        memory = first_memory(
            torch.zeros(count, self.first, 1, 1, 1),
            torch.zeros(count, self.first, 1, 1, 1),
            self.size,
        )
        self.check(memory, [0] * count)
        held = torch.zeros(count, self.size)
        for update in range(max(updates)):
            enters = torch.tensor([update < own for own in updates])
            rate = torch.tensor([own[min(update, len(own) - 1)] for own in self.rates])
            new = torch.full((count, 1, 1, 1), update + 1.0)
            memory = store(memory, new, -new, Admission(enters, rate), self.first, self.setting)
            done = [min(update + 1, own) for own in updates]
            self.check(memory, done)
            for row, replaced in enumerate(self.replaced):
                assert memory.previous[row].item() == replaced[done[row] - 1], (
                    f"case {self.indices[row]}, {update}"
                )
                if enters[row]:
                    held[row, replaced[update]] = update + 1.0
            assert torch.equal(memory.samples.flatten(1), held)
            assert torch.equal(memory.maps.flatten(1), -held)
        assert memory.count.tolist() == [self.first + own for own in updates]

    def check(self, memory: SampleMemory, done: list[int]) -> None:
        for row, update in enumerate(done):
            close(
                memory.weights[row],
                self.weights[row][update],
                what=f"case {self.indices[row]}, {update} updates",
            )


@pytest.mark.parametrize("index", range(MEMORIES))
def test_memory(golden, index: int) -> None:  # type: ignore[no-untyped-def]
    arrays = golden("memory_update.npz")
    assert len(table(arrays, "cases_json")) == MEMORIES
    Filling(arrays, [index]).run()


def test_memories_as_rows_of_batches(golden) -> None:  # type: ignore[no-untyped-def]
    """Rows have their own rates, and end when their cases do: the others go on."""
    arrays = golden("memory_update.npz")
    groups: dict[tuple[int, int, float], list[int]] = defaultdict(list)
    for index, case in enumerate(table(arrays, "cases_json")):
        share = memory_of(case["params"], case["memory_size"]).first_samples_weight
        groups[case["memory_size"], case["num_init"], share].append(index)
    several = [group for group in groups.values() if len(group) > 1]
    assert several == [[1, 4], [2, 3]]
    for group in several:
        Filling(arrays, group).run()
