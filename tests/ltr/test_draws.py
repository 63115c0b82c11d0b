"""Draws of training: moments, independence, and that an example draws the same whoever else is in the batch."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ltr import draws as draws_module
from ltr.draws import Draws, example_draws

EXAMPLES, COUNT = 64, 2048
TOTAL = EXAMPLES * COUNT
KEPT_INTEGERS = [[590, 477, 123, 253], [32, 151, 430, 64]]
KEPT_NORMAL = [[2.7362673, 0.4828129], [0.4209121, -0.599036]]


@pytest.fixture
def draws() -> Draws:
    return example_draws(3, torch.arange(EXAMPLES))


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]).double())[0, 1])


def test_the_generator_is_splitmix64() -> None:
    """The published sequence of seed 1234567."""
    counters = torch.tensor([1234567]) + torch.arange(1, 6) * draws_module._GOLDEN
    assert [int(word) % 2**64 for word in draws_module._mixed(counters)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


def test_uniform_moments(draws: Draws) -> None:
    numbers = draws.uniform(COUNT)
    assert numbers.shape == (EXAMPLES, COUNT)
    assert numbers.dtype == torch.float32
    assert 0 <= numbers.min() < 1e-4
    assert 1 - 1e-4 < numbers.max() < 1
    for power in (1, 2, 3):
        bound = 5 * math.sqrt(1 / (2 * power + 1) / TOTAL)
        assert float((numbers.double() ** power).mean()) == pytest.approx(
            1 / (power + 1), abs=bound
        )


def test_the_largest_and_smallest_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uniform numbers stay below 1 and normal ones finite for every word, the extreme ones too."""
    words = torch.tensor([[0, -1, 2**63 - 1, -(2**63), 1]])
    monkeypatch.setattr(Draws, "_words", lambda self, kind, shape: words)
    draws = Draws(torch.zeros(1, dtype=torch.int64))
    assert draws.uniform(5).min() == 0
    assert draws.uniform(5).max() == 1 - 2**-24
    assert draws.normal(5).abs().max() < 6.8
    assert draws.integers(7, 5).min() == 0
    assert draws.integers(7, 5).max() == 6
    assert draws.integers(2**31, 5).max() == 2**31 - 1


def test_normal_moments(draws: Draws) -> None:
    numbers = draws.normal(COUNT).double()
    assert numbers.shape == (EXAMPLES, COUNT)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        bound = 5 * math.sqrt(variance / TOTAL)
        assert float((numbers**power).mean()) == pytest.approx(moment, abs=bound)
    for bound in (0.5, 1.0, 2.0, 3.0):
        expected = math.erf(bound / math.sqrt(2))
        spread = 5 * math.sqrt(expected * (1 - expected) / TOTAL)
        assert float((numbers.abs() < bound).double().mean()) == pytest.approx(expected, abs=spread)


def test_whole_numbers_are_equally_likely(draws: Draws) -> None:
    numbers = draws.integers(7, COUNT)
    assert numbers.dtype == torch.int64
    counts = torch.bincount(numbers.flatten(), minlength=7)
    assert len(counts) == 7
    chi_square = float(((counts - TOTAL / 7) ** 2 / (TOTAL / 7)).sum())
    assert chi_square < 22.5  # one in a thousand for six degrees of freedom


def test_streams_are_independent(draws: Draws) -> None:
    """Of purposes, kinds, places, examples, parts of an example and seeds: no two share numbers, none follows
    another."""
    first = draws.uniform(COUNT)
    others = {
        "purpose": draws.of("other").uniform(COUNT),
        "order of purposes": draws.of("a").of("b").uniform(COUNT),
        "the other order": draws.of("b").of("a").uniform(COUNT),
        "normal": draws.normal(COUNT),
        "whole": draws.integers(2**20, COUNT).double() / 2**20,
        "next place": first.roll(1, dims=1),
        "next example": first.roll(1, dims=0),
        "part": draws.each(2).uniform(COUNT)[::2],
        "other part": draws.each(2).uniform(COUNT)[1::2],
        "seed": example_draws(4, torch.arange(EXAMPLES)).uniform(COUNT),
    }
    streams = {"itself": first, **others}
    names = list(streams)
    for place, name in enumerate(names):
        for other in names[:place]:
            a, b = streams[name], streams[other]
            assert abs(correlation(a, b)) < 5 / math.sqrt(TOTAL), (name, other)
            assert (a == b).double().mean() < 1e-3, (name, other)


def test_no_two_examples_share_a_stream() -> None:
    """Also for large and negative numbers, and not shifted by some places either."""
    numbers = torch.cat([torch.arange(3000), torch.tensor([2**62, -1, -(2**63)])])
    seeds = example_draws(0, numbers).seeds
    assert len(seeds.unique()) == len(numbers)
    words = example_draws(0, numbers)._words("uniform", (64,))
    assert len(words.unique()) == words.numel()


def test_an_example_draws_the_same_in_every_batch() -> None:
    numbers = torch.tensor([5, 9, 1000, 7])
    together = example_draws(1, numbers).of("boxes")
    for place, number in enumerate(numbers):
        alone = example_draws(1, number[None]).of("boxes")
        assert torch.equal(alone.uniform(3, 2)[0], together.uniform(3, 2)[place])
        assert torch.equal(alone.normal(3, 2)[0], together.normal(3, 2)[place])
        assert torch.equal(alone.integers(9, 3)[0], together.integers(9, 3)[place])
        assert torch.equal(
            alone.each(2).uniform(3), together.each(2).uniform(3)[2 * place : 2 * place + 2]
        )


def test_asked_again_the_same(draws: Draws) -> None:
    state = torch.get_rng_state()
    for kind in ("uniform", "normal"):
        assert torch.equal(getattr(draws, kind)(5, 4), getattr(draws, kind)(5, 4))
    assert torch.equal(torch.get_rng_state(), state)


def test_numbers_are_kept_from_version_to_version() -> None:
    """A training goes on from its step number alone: the stream must not change under it."""
    draws = example_draws(2, torch.tensor([0, 1])).of("boxes")
    assert draws.integers(1000, 4).tolist() == KEPT_INTEGERS
    torch.testing.assert_close(draws.normal(2), torch.tensor(KEPT_NORMAL), rtol=0, atol=2e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_draws_the_same() -> None:
    numbers = torch.arange(100)
    here = example_draws(5, numbers).of("x")
    there = example_draws(5, numbers.cuda()).of("x")
    assert torch.equal(here.uniform(300), there.uniform(300).cpu())
    assert torch.equal(here.integers(1000, 300), there.integers(1000, 300).cpu())
    torch.testing.assert_close(here.normal(300), there.normal(300).cpu(), rtol=1e-5, atol=1e-5)
