"""The training forward of whole networks, against their parts and for every parameter."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ltr.errors import ConfigError
from ltr.images import MEAN, STD
from ltr.models.backbone import Taps
from ltr.models.box.energy import EnergyHeadConfig, Modulation
from ltr.models.classifier.linear_filter import apply_filter
from ltr.models.classifier.steepest_descent import HingeConfig
from ltr.models.folding import fold
from ltr.models.stored_config import network_config
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.models.zoo import NETWORKS
from ltr.settings import as_dict

SLIM = replace(
    NETWORKS["dimp18"],
    box_head=EnergyHeadConfig(channels=(96, 64), bins=(4, 2), hidden=(48, 80), reference=(24, 40)),
)
SIDE = 64


def training_batch(batch: int, train: int, test: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Crops and boxes of the train frames, crops and three proposals a frame of the test frames."""
    generator = torch.Generator().manual_seed(3)

    def crops(frames: int) -> Tensor:
        return torch.rand(batch, frames, 3, SIDE, SIDE, generator=generator) * 255

    def boxes(*shape: int) -> Tensor:
        corner = torch.rand(*shape, 2, generator=generator) * 20 + 10
        return torch.cat([corner, torch.rand(*shape, 2, generator=generator) * 20 + 12], dim=-1)

    return crops(train), boxes(batch, train), crops(test), boxes(batch, test, 3)


@pytest.mark.parametrize("config", [*NETWORKS.values(), SLIM], ids=[*NETWORKS, "slim"])
def test_every_parameter_has_a_gradient(config: NetworkConfig) -> None:
    torch.manual_seed(0)
    net = TrackerNet(config).train()
    output = net(*training_batch(2, 2, 1), iterations=2)
    assert output.raw_scores.shape == (3, 2, 1, SIDE // 16 + 1, SIDE // 16 + 1)
    assert output.energies.shape == (2, 1, 3)
    scores = net.classifier.filter_optimizer.scores(output.raw_scores)
    (scores.square().sum() * 100 + output.energies.square().sum()).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


def test_the_training_forward_is_its_parts() -> None:
    torch.manual_seed(0)
    net = TrackerNet(SLIM).eval().requires_grad_(False)
    crops, boxes, test_crops, proposals = training_batch(2, 3, 2)
    output = net(crops, boxes, test_crops, proposals, 2)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    for b in range(2):
        train_taps = net.feature_extractor((crops[b] / 255 - mean) / std)
        test_taps = net.feature_extractor((test_crops[b] / 255 - mean) / std)
        samples = net.classifier_features(train_taps.stride16)[None]
        searched = net.classifier_features(test_taps.stride16)[None]
        optimizer = net.classifier.filter_optimizer
        cells = ((boxes[b, :, :2] + boxes[b, :, 2:] / 2) / 16).flip(-1)[None]
        maps, third = optimizer.sample_maps(cells, (5, 5)), torch.full((1, 3), 1 / 3)
        first = net.classifier.filter_initializer(samples, boxes[b : b + 1])
        for n in range(3):
            filters = optimizer(first, samples, maps, third, n)
            expected = apply_filter(searched, filters)[0]
            torch.testing.assert_close(output.raw_scores[n, b], expected, atol=1e-5, rtol=1e-4)
        head = net.bb_regressor
        reference = Taps(*(tap[:1] for tap in train_taps))
        modulation = head.modulation(reference, boxes[b, :1])
        both = Modulation(*(half.expand(2, -1) for half in modulation))
        energies = head(head.box_features(test_taps), both, proposals[b])
        torch.testing.assert_close(output.energies[b], energies, atol=1e-4, rtol=1e-4)


def test_a_slim_network_tracks_as_it_is_trained() -> None:
    """Energies of the folded network on the CPU, alone and among others, are those of the network
    but for rounding in the trunk."""
    torch.manual_seed(0)
    net = TrackerNet(SLIM).eval().requires_grad_(False)
    crops, boxes, test_crops, proposals = training_batch(3, 1, 1)
    expected = net(crops, boxes, test_crops, proposals, 0).energies[:, 0]
    folded = fold(net)
    head = folded.box_head
    modulation = head.modulation(folded.trunk(crops[:, 0]), boxes[:, 0])
    taps = folded.trunk(test_crops[:, 0])
    together, _ = head.conditioned(modulation).energies_of(taps, proposals[:, 0])(proposals[:, 0])
    scale = expected.abs().max().item()
    torch.testing.assert_close(together, expected, atol=1e-5 * scale, rtol=0)
    for row in range(3):
        own = slice(row, row + 1)
        conditioned = head.conditioned(modulation[own])
        energies_of = conditioned.energies_of(Taps(*(tap[own] for tap in taps)), proposals[own, 0])
        alone, _ = energies_of(proposals[own, 0])
        torch.testing.assert_close(alone, expected[own], atol=1e-5 * scale, rtol=0)


def test_a_network_without_a_box_head_has_no_energies() -> None:
    net = TrackerNet(NetworkConfig())
    output = net(*training_batch(1, 1, 1), iterations=1)
    assert output.energies is None
    assert output.raw_scores.shape == (2, 1, 1, 5, 5)


@pytest.mark.parametrize("config", [NetworkConfig(), SLIM])
def test_configurations_in_files(config: NetworkConfig) -> None:
    tree = as_dict(config)
    assert network_config(tree) == config
    if config.box_head is not None:
        with pytest.raises(ConfigError, match="bins"):
            network_config({**tree, "box_head": {**tree["box_head"], "bins": (0, 3)}})


@pytest.mark.parametrize("name", ["dimp18", "prdimp50", "super_dimp_simple"])
def test_files_that_an_earlier_version_converted(name: str) -> None:
    config = NETWORKS[name]
    tree = as_dict(config)
    former = {"pooled_zero_init": "pooled_zero", "zeros": "none"}
    tree |= {"initializer": former.get(config.initializer, config.initializer)}
    tree |= {"box_head": "energy"}  # which had one size
    if isinstance(config.filter_optimizer, HingeConfig):
        del tree["filter_optimizer"]["label_sigma"]  # it stood in the preset
    assert network_config(tree) == config


def test_networks_without_training_of_an_earlier_version() -> None:
    tree = {**as_dict(NetworkConfig()), "initializer": "none", "box_head": "none"}
    assert network_config(tree) == NetworkConfig()
    with pytest.raises(ConfigError, match="box_head"):
        network_config({**tree, "box_head": "energetic"})
