"""Networks of many seeds at once: written-out gradients, seeds that do not see each other, all methods, resuming."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from ltr.processor import one_thread
from ltr.toy.data import DataSet, data_set
from ltr.toy.methods import METHODS
from ltr.toy.networks import (
    PREDICTOR_2020,
    PREDICTOR_2022,
    Architecture,
    Buffers,
    Predictor,
    features,
    initial_weights,
    scores,
    smooth_scores,
)
from ltr.toy.randomness import Independent
from ltr.toy.training import Training

PREDICTORS = pytest.mark.parametrize(
    "predictor", [PREDICTOR_2020, PREDICTOR_2022, Predictor("tanh", 2, 1)]
)


@pytest.fixture(autouse=True)
def _as_the_command_runs() -> Iterator[None]:
    """Threads would add up in another order, and Adam makes a whole step of the sign of nothing."""
    with one_thread():
        yield


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


@PREDICTORS
def test_written_out_gradients(predictor: Predictor) -> None:
    """Of three seeds, five examples and seven points each, in weights, points and features."""
    weights = {
        name: weight.double().requires_grad_()
        for name, weight in initial_weights(Architecture(predictor), generators(0, 1, 2)).items()
    }
    (generator,) = generators(9)
    x, points, upstream = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((3, 5), (3, 5, 7), (3, 5, 7))
    )
    points.requires_grad_()
    buffers = Buffers()
    expected = smooth_scores(predictor, weights, features(weights, x), points)
    leaves = [points, *weights.values()]
    gradients = torch.autograd.grad(expected, leaves, upstream)
    for _ in range(2):  # with fresh buffers, then with used ones
        found = scores(predictor, weights, features(weights, x), points, buffers)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
        for a, b in zip(torch.autograd.grad(found, leaves, upstream), gradients, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-12)


def test_two_scores_of_one_loss() -> None:
    """Buffers of one are not those of the other."""
    weights = {
        name: weight.requires_grad_()
        for name, weight in initial_weights(Architecture(PREDICTOR_2020), generators(0)).items()
    }
    feature, buffers = features(weights, torch.tensor([[0.5]])), Buffers()

    def slope(score) -> Tensor:  # type: ignore[no-untyped-def]
        one, two = score(torch.tensor([[[0.1]]])), score(torch.tensor([[[0.9]]]))
        return torch.autograd.grad(
            (one * two).sum(), weights["predictor.fc1_y.weight"], retain_graph=True
        )[0]

    fast = slope(lambda y: scores(PREDICTOR_2020, weights, feature, y, buffers))
    smooth = slope(lambda y: smooth_scores(PREDICTOR_2020, weights, feature, y))
    torch.testing.assert_close(fast, smooth)


UNFELT = ("predictor.fc3_xy.bias", "predictor.fc4_xy.bias")
"""A constant in all scores: no objective feels it, Adam makes steps of rounding errors; nor the weight of one
component."""


def few(name: str, pairs: int = 100) -> DataSet:
    data = data_set(name)
    return DataSet(name, data.x[:pairs], data.y[:pairs])


def trained(
    method: str, seeds: list[int], epochs: int = 2, samples: int = 8, pairs: int = 100
) -> Training:
    name = METHODS[method].data[-1]
    training = Training(METHODS[method].setup(name, samples), few(name, pairs), Independent(seeds))
    for _ in range(epochs):
        training.epoch()
    return training


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_is_the_same_alone_and_among_others(method: str) -> None:
    alone, among = trained(method, [5]), trained(method, [3, 5, 4])
    begin = initial_weights(alone.setup.architecture, generators(5))
    for name, weight in alone.weights.items():
        if name in UNFELT or (method in ("mdn1", "proposal1") and "_weight" in name):
            continue
        torch.testing.assert_close(among.weights[name][1], weight[0], rtol=1e-4, atol=1e-4)
        assert (weight != begin[name]).any(), f"{name} is not trained"
    torch.testing.assert_close(among.losses[-1][1], alone.losses[-1][0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["nce", "nce_plus", "ml_is", "kld_is", "mdn4", "teacher4"])
def test_losses_fall(method: str) -> None:
    losses = torch.stack(trained(method, [0, 1, 2], epochs=12, pairs=400).losses)
    assert (losses[-3:].mean(0) < losses[0]).all()


def test_a_teacher_has_features_of_its_own() -> None:
    """The mixture's likelihood alone does not reach them, and it is the mixture that answers."""
    training = trained("teacher4", [0], epochs=1)
    x, y = training.data.x[:3], torch.linspace(-3, 3, 400)
    answers = training.scores_of(0, of_mixture=False)(x, y)
    assert answers.exp().sum(1).mul(6 / 400).max() < 1.05, "no density"
    with torch.no_grad():
        training.weights["teacher.fc1_x.weight"] += 1
        assert answers.equal(training.scores_of(0, of_mixture=False)(x, y))
        training.weights["feature.fc1_x.weight"] += 1
        assert not answers.equal(training.scores_of(0, of_mixture=False)(x, y))


def test_groups_of_seeds_are_one_training() -> None:
    """More points than are scored at once: seeds go in turn."""
    together = trained("nce", [0, 1, 2], epochs=1, samples=2500)
    alone = trained("nce", [2], epochs=1, samples=2500)
    for name, weight in alone.weights.items():
        if name not in UNFELT:
            torch.testing.assert_close(together.weights[name][2], weight[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("method", ["nce", "proposal4"])
def test_resuming(method: str) -> None:
    """From a state, with the same bits as in one go."""
    whole, begun = trained(method, [0, 7], epochs=3), trained(method, [0, 7], epochs=1)
    state = begun.state()
    name = METHODS[method].data[-1]
    resumed = Training(METHODS[method].setup(name, 8), few(name), Independent([0, 7]))
    resumed.restore(state)
    for _ in range(2):
        resumed.epoch()
    assert torch.equal(torch.stack(resumed.losses), torch.stack(whole.losses))
    for key, weight in whole.weights.items():
        assert torch.equal(resumed.weights[key], weight)


BROKEN = [
    ("nce", "predictor.fc1_y.weight", "its loss is nan; at most effective_samples nan"),
    # what nothing can be drawn from
    ("proposal4", "noise.fc2_mean.bias", "its loss is nan; at most effective_samples nan"),
    ("proposal4", "noise.fc2_sigma.bias", "its loss is nan; at most effective_samples nan"),
    ("teacher4", "noise.fc2_weight.bias", "its loss is nan; at most effective_samples nan"),
    ("mdn4", "noise.fc2_weight.bias", "its loss is nan; at most mixture_error nan"),
]


@pytest.mark.parametrize(("method", "name", "why"), BROKEN)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_seed_that_fails_leaves_others_alone(
    method: str, name: str, why: str, value: float
) -> None:
    """They go on with the same bits as if nothing were."""
    training, whole = (trained(method, [0, 1, 2], epochs=1) for _ in "12")
    training.weights[name][1] = value
    for each in (training, whole):
        each.epoch()
    assert training.losses[-1].isfinite().tolist() == [True, False, True]
    assert list(training.failures) == [1]
    if math.isnan(value):
        assert training.failures[1].startswith(f"at step 5 {why}")
    assert torch.equal(training.losses[-1][[0, 2]], whole.losses[-1][[0, 2]])
    for key, weight in training.weights.items():
        assert torch.equal(weight[[0, 2]], whole.weights[key][[0, 2]])


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_seed_that_fails_learns_no_more(epochs: int) -> None:
    """Nor do the moments of its last steps move it, also after it was restored; it may fail in its first step."""
    training = trained("nce", [0, 1], epochs)
    whole = training.data
    x, y = whole.x[:8].expand(2, -1), whole.y[:8].repeat(2, 1)
    y[1, 3] = math.nan
    before = {name: weight.clone() for name, weight in training.weights.items()}
    training.step(x, y)
    assert list(training.failures) == [1]
    training.epoch()
    resumed = Training(training.setup, whole, Independent([0, 1]))
    resumed.restore(training.state())
    resumed.epoch()
    for each in (training, resumed):
        for name, weight in each.weights.items():
            assert torch.equal(weight[1], before[name][1]), name
            assert name in UNFELT or (weight[0] != before[name][0]).any()
