"""The feature bank: which samples it holds is a function of the step, so that a resumed run goes on
with the same bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch

from ltr.data.batch import Batch
from ltr.data.configuration import Crops, DataConfig, Sampling
from ltr.errors import ConfigError
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.training import feature_bank
from ltr.training.feature_bank import (
    bank_batches,
    bytes_of_bank,
    check_bank,
    numbers_rendered,
    numbers_used,
    window,
)
from ltr.training.recipe import FeatureBank, ParameterGroup, Recipe
from ltr.training.taps import TapsBatch, taps_of

TRAIN, TEST, SIDE = 2, 1, 32
CPU = torch.device("cpu")
RECIPE = Recipe(
    network=NetworkConfig(trunk="mobilenet_v2", channels=8),
    data=DataConfig(
        sampling=Sampling(train_frames=TRAIN, test_frames=TEST), crops=Crops(side=SIDE)
    ),
    batch=4,
    bank=FeatureBank(samples=10, uses=6),  # a third of the steps has no new sample
    groups=(ParameterGroup(parameters=("classifier.",)),),
)
BANK = RECIPE.bank
assert BANK is not None


def crops_of(numbers: Sequence[int]) -> Batch:
    """Noise that follows from the number."""
    draws = [np.random.default_rng(number) for number in numbers]
    size = (TRAIN + TEST, 3, SIDE, SIDE)
    crops = torch.from_numpy(np.stack([d.integers(256, size=size, dtype=np.uint8) for d in draws]))
    boxes = torch.tensor([[[n, f, 8, 8] for f in range(TRAIN + TEST)] for n in numbers]).float()
    return Batch(
        torch.tensor(numbers),
        tuple(f"noise/{number}" for number in numbers),
        crops[:, :TRAIN],
        boxes[:, :TRAIN],
        crops[:, TRAIN:],
        boxes[:, TRAIN:],
    )


@pytest.fixture(scope="module")
def net() -> TrackerNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return TrackerNet(RECIPE.network).eval()


def run(net: TrackerNet, begin: int, end: int) -> list[TapsBatch]:
    rendered: Iterable[Batch] = (crops_of(part) for part in _parts(begin, end))
    return list(bank_batches(RECIPE, net, rendered, begin, end))


def _parts(begin: int, end: int) -> list[range]:
    assert BANK is not None
    return list(numbers_rendered(BANK, RECIPE.batch, begin, end))


def test_the_window_moves_by_batch_over_uses() -> None:
    bank = FeatureBank(samples=10, uses=3)
    assert window(bank, 4, 0) == range(10)
    assert [window(bank, 4, step).start for step in range(7)] == [0, 1, 2, 4, 5, 6, 8]
    assert window(bank, 4, 3 * 10**6) == range(4 * 10**6, 4 * 10**6 + 10)


def test_what_is_rendered_is_the_window_and_then_what_is_new() -> None:
    bank = FeatureBank(samples=10, uses=3)
    assert [list(part) for part in numbers_rendered(bank, 4, 3, 6)] == [
        [4, 5, 6, 7],
        [8, 9, 10, 11],
        [12, 13],
        [14],
        [15],
    ]
    bank = FeatureBank(samples=2, uses=4)  # no new sample in most steps
    assert list(numbers_rendered(bank, 1, 0, 9)) == [
        range(1),
        range(1, 2),
        range(2, 3),
        range(3, 4),
    ]
    assert _parts(5, 5) == []


def test_each_sample_is_used_about_as_often_as_is_asked() -> None:
    bank, batch, steps = FeatureBank(samples=60, uses=5), 12, 400
    counts: Counter[int] = Counter()
    for step in range(steps):
        used = numbers_used(bank, batch, 1, step)
        assert len(set(used)) == batch
        assert set(used) <= set(window(bank, batch, step))
        counts.update(used)
    through = [counts[n] for n in range(60, window(bank, batch, steps).start)]
    assert np.mean(through) == pytest.approx(5, abs=0.2)
    assert max(through) < 20
    assert numbers_used(bank, batch, 1, 7) != numbers_used(bank, batch, 2, 7)


def test_a_resumed_run_has_the_same_bits(net: TrackerNet) -> None:
    whole, rest = run(net, 0, 9), run(net, 5, 9)
    assert len(rest) == 4
    for a, b in zip(whole[5:], rest, strict=True):
        assert a.names == b.names
        for x, y in zip(_tensors(a), _tensors(b), strict=True):
            assert torch.equal(x, y)


def _tensors(batch: TapsBatch) -> list[torch.Tensor]:
    return [
        batch.numbers,
        *batch.train_taps,
        batch.train_boxes,
        *batch.test_taps,
        batch.test_boxes,
    ]


def test_features_are_those_of_the_trunk(net: TrackerNet) -> None:
    for kept in run(net, 0, 8)[::7]:
        with torch.no_grad():
            fresh = taps_of(net, crops_of(kept.numbers.tolist()))
        assert kept.names == fresh.names
        assert torch.equal(kept.train_boxes, fresh.train_boxes)
        assert torch.equal(kept.test_boxes, fresh.test_boxes)
        for kept_taps, taps in (
            (kept.train_taps, fresh.train_taps),
            (kept.test_taps, fresh.test_taps),
        ):
            for a, b in zip(kept_taps, taps, strict=True):
                assert a.dtype == torch.float32
                # half precision: 11 bits
                torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5 + 1e-4 * float(b.abs().max()))


def test_a_bank_larger_than_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    each = 2 * 3 * (32 * 4 * 4 + 96 * 2 * 2)
    assert bytes_of_bank(RECIPE) == 10 * each
    assert bytes_of_bank(replace(RECIPE, bank=None)) == 0
    monkeypatch.setattr(feature_bank, "free_bytes", lambda device: 10 * each)
    line = r"bank\.samples is 10: they need 0\.0 GB .* on cpu; at most 8 have room"
    with pytest.raises(ConfigError, match=line):
        check_bank(RECIPE, CPU)
    monkeypatch.setattr(feature_bank, "free_bytes", lambda device: 13 * each)
    check_bank(RECIPE, CPU)
    monkeypatch.setattr(feature_bank, "free_bytes", lambda device: None)
    check_bank(RECIPE, CPU)


@pytest.mark.parametrize("names", ["", "feature_extractor.", "feature_extractor.layer3."])
def test_a_trunk_that_is_trained_is_refused(names: str) -> None:
    trained = ParameterGroup(parameters=("classifier.", names), begin=0.9)
    with pytest.raises(ConfigError, match="features of the trunk are kept: set bank=none"):
        check_bank(replace(RECIPE, groups=(*RECIPE.groups, trained)), CPU)
    check_bank(replace(RECIPE, groups=(trained,), bank=None), CPU)
    classifier = ParameterGroup(parameters=("classifier.feature_extractor.",))
    check_bank(replace(RECIPE, groups=(classifier, replace(trained, begin=1))), CPU)


def test_a_bank_smaller_than_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="give bank.samples at least 4"):
        check_bank(replace(RECIPE, bank=FeatureBank(samples=3)), CPU)
