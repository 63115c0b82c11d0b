"""Batches of other processes are those of this one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from memory_store import make_store, plain_config

from ltr.data import samples as samples_module
from ltr.data.configuration import Crops
from ltr.data.loader import batches
from ltr.data.samples import Samples
from ltr.errors import ConfigError, DataError

NUMBERS = [[5, 2], [7], [1, 0, 3], [9, 8], [11, 12], [4, 6]]


@pytest.fixture
def make(monkeypatch, tmp_path):
    def made(broken=frozenset(), **changes) -> Samples:
        store = make_store(broken=broken)
        monkeypatch.setattr(samples_module, "open_store", lambda part, root: store)
        config = plain_config("motion", crops=Crops(side=32))
        return Samples(replace(config, **changes), tmp_path, 0, torch.device("cpu"), False)

    return made


def test_batches_of_this_process_come_in_order_and_as_they_are_asked_for(make):
    asked = []

    def numbers():
        for some in NUMBERS:
            asked.append(some)
            yield some

    made = batches(make(), numbers(), workers=0)
    assert next(made).numbers.tolist() == NUMBERS[0]
    assert asked == NUMBERS[:1]
    assert [batch.numbers.tolist() for batch in made] == NUMBERS[1:]


@pytest.mark.slow
def test_workers_change_nothing(make):
    here = list(batches(make(broken={1}, unreadable=1.0), NUMBERS, workers=0))
    samples = make(broken={1}, unreadable=1.0)
    there = list(batches(samples, NUMBERS, workers=2))
    assert samples.unreadable > 0
    for a, b in zip(here, there, strict=True):
        assert a.names == b.names
        for one, other in zip(a, b, strict=True):
            assert one == other if isinstance(one, tuple) else torch.equal(one, other)


@pytest.mark.slow
def test_errors_of_workers_are_one_line(make):
    with pytest.raises(DataError, match=r"^50 pictures in a row cannot be read; .*fetch it again$"):
        list(batches(make(broken={0, 1, 2, 3}), NUMBERS, workers=1))


def test_workers_cannot_read_what_is_resident(make, monkeypatch):
    samples = make()
    monkeypatch.setattr(samples, "config", replace(samples.config, resident=True))
    with pytest.raises(ConfigError, match=r"data.resident keeps .* set data.workers to 0"):
        next(batches(samples, NUMBERS, workers=2))
