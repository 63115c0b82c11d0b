"""Learning rates by step, the mean of weights, and which parameters are trained."""

from __future__ import annotations

import copy
import itertools
import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from toy_training import TOY

from ltr.errors import ConfigError
from ltr.training.averaging import average, decay_at
from ltr.training.parameters import beginnings, begun, group_of_each, optimizer_of, set_trained
from ltr.training.recipe import CosineSchedule, ParameterGroup, Recipe, StepSchedule
from ltr.training.schedule import rate_factor


def test_step_schedule_of_dimp() -> None:
    recipe = Recipe(epochs=50, steps=10, schedule=StepSchedule(epochs=15, factor=0.2))
    factors = [rate_factor(recipe, 10 * (epoch - 1) + 9) for epoch in (1, 15, 16, 30, 31, 45, 46)]
    assert factors == pytest.approx([1, 1, 0.2, 0.2, 0.04, 0.04, 0.008])
    assert rate_factor(recipe, 149) == 1  # the last step of epoch 15
    assert rate_factor(recipe, 150) == pytest.approx(0.2)


def test_cosine_schedule() -> None:
    recipe = Recipe(epochs=10, steps=10, schedule=CosineSchedule(warm_up=0.09, least=0.1))
    factors = [rate_factor(recipe, step) for step in range(100)]
    assert factors[:10] == pytest.approx([0.1 * k for k in range(1, 11)])
    assert factors[54] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 2)) / 2)
    assert factors[-1] == pytest.approx(0.1)
    assert all(a > b for a, b in itertools.pairwise(factors[9:]))
    assert rate_factor(replace(recipe, schedule=CosineSchedule(warm_up=0)), 0) == 1


def small_net() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "trunk": nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)),
            "head": nn.Sequential(nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2)),
        }
    )


def test_mean_of_weights() -> None:
    net = small_net()
    mean = copy.deepcopy(net)
    expected = {key: tensor.clone().double() for key, tensor in net.state_dict().items()}
    for step in range(5):
        for tensor in net.state_dict().values():
            tensor.add_(1 + step)
        average(mean, net, 0.9)
        for key, tensor in net.state_dict().items():
            decay = 0.9 if tensor.is_floating_point() else 0.0
            expected[key] = decay * expected[key] + (1 - decay) * tensor.double()
    for key, tensor in mean.state_dict().items():
        torch.testing.assert_close(tensor.double(), expected[key], rtol=1e-6, atol=1e-6)
    assert [decay_at(0.5, step) for step in (0, 8, 80)] == [0.1, 0.5, 0.5]


def test_a_share_of_the_way_from_the_beginning() -> None:
    """Weights and batch statistics; of the longest name's group, others follow the weights."""
    groups = (
        ParameterGroup(parameters=("head.", "trunk.1."), share=0.25),
        ParameterGroup(parameters=("head.0.",)),
    )
    net = small_net()
    first = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    mean, plain, begun = copy.deepcopy(net), copy.deepcopy(net), beginnings(net, groups)
    assert {key.rpartition(".")[0] for key in begun} == {"head.1", "trunk.1"}
    for step in range(5):
        for tensor in net.state_dict().values():
            tensor.add_(1 + step)
        average(mean, net, 0.9, begun)
        average(plain, net, 0.9)
    for key, tensor in mean.state_dict().items():
        part = "head.1." in key or "trunk.1." in key
        share = 0.25 if part and tensor.is_floating_point() else 1.0
        way = plain.state_dict()[key] - first[key]
        torch.testing.assert_close(tensor - first[key], share * way if share < 1 else way)


def test_the_longest_name_wins_and_vectors_do_not_decay() -> None:
    groups = (
        ParameterGroup(parameters=("head.", "trunk.1"), weight_decay=0.5),
        ParameterGroup(parameters=("head.1.",), learning_rate=0.1),
    )
    net = small_net()
    assert group_of_each(net, groups) == {
        "trunk.1.weight": 0,
        "trunk.1.bias": 0,
        "head.0.weight": 0,
        "head.0.bias": 0,
        "head.1.weight": 1,
        "head.1.bias": 1,
    }
    optimizer = optimizer_of(net, replace(TOY, groups=groups))
    names = {id(p): name for name, p in net.named_parameters()}
    decayed = [
        names[id(p)] for row in optimizer.param_groups if row["weight_decay"] for p in row["params"]
    ]
    assert decayed == ["head.0.weight"]


def test_what_is_trained_now() -> None:
    groups = (
        ParameterGroup(parameters=("head.0.",)),
        ParameterGroup(parameters=("trunk.",), begin=0.5),
        ParameterGroup(parameters=("head.1.",), begin=1),
    )
    recipe, net = replace(TOY, groups=groups), small_net()
    assert [begun(recipe, step) for step in (0, 3, 4, 7)] == [
        (True, False, False),
        (True, False, False),
        (True, True, False),
        (True, True, False),
    ]
    set_trained(net, recipe, begun(recipe, 0))
    assert {n for n, p in net.named_parameters() if p.requires_grad} == {
        "head.0.weight",
        "head.0.bias",
    }
    assert {n for n, m in net.named_modules() if m.training} == {"", "head", "head.0"}
    set_trained(net, recipe, begun(recipe, 4))
    assert {n for n, m in net.named_modules() if m.training} == {
        *("", "head", "head.0", "trunk", "trunk.0", "trunk.1")
    }
    frozen = replace(recipe, groups=(groups[0], replace(groups[1], batch_norms=False), groups[2]))
    set_trained(net, frozen, begun(recipe, 4))
    assert {n for n, m in net.named_modules() if m.training} == {
        *("", "head", "head.0", "trunk", "trunk.0")
    }
    assert {n for n, p in net.named_parameters() if p.requires_grad and "trunk" in n} == {
        *("trunk.0.weight", "trunk.0.bias")
    }


def test_groups_without_parameters_are_refused() -> None:
    with pytest.raises(ConfigError) as error:
        group_of_each(small_net(), (ParameterGroup(parameters=("trunc.",)),))
    assert str(error.value) == (
        "groups.0.parameters: the network has none whose names begin with 'trunc.': did you mean "
        "trunk.?"
    )
    with pytest.raises(ConfigError, match="groups is empty, so that nothing is trained"):
        optimizer_of(small_net(), replace(TOY, groups=()))
