"""The training forward of whole networks, against their parts and for every parameter."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

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
TINY = replace(
    SLIM,
    trunk="mobilenet_v2",
    feature_block="signed",
    channels=32,
    box_head=EnergyHeadConfig(channels=(16, 24), bins=(4, 2), hidden=(16, 8), reference=(8, 16)),
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


def test_either_part_can_be_left_out() -> None:
    torch.manual_seed(0)
    net = TrackerNet(TINY).train()
    crops, boxes, test_crops, proposals = training_batch(2, 2, 2)
    untouched = net.bb_regressor.conv3_1t[1].running_mean.clone()
    classifier_alone = net(crops, boxes, test_crops, None, 2)
    assert classifier_alone.energies is None
    assert torch.equal(net.bb_regressor.conv3_1t[1].running_mean, untouched)
    untouched = net.classifier.feature_extractor[0].bn1.running_mean.clone()
    box_head_alone = net(crops, boxes, test_crops, proposals, None)
    assert box_head_alone.raw_scores is None
    assert torch.equal(net.classifier.feature_extractor[0].bn1.running_mean, untouched)
    net.eval()
    both = net(crops, boxes, test_crops, proposals, 2)
    torch.testing.assert_close(both.raw_scores, net(crops, boxes, test_crops, None, 2).raw_scores)
    torch.testing.assert_close(
        both.energies, net(crops, boxes, test_crops, proposals, None).energies
    )


def test_the_objectives_meet_in_the_trunk_alone() -> None:
    torch.manual_seed(0)
    net = TrackerNet(TINY).train()
    output = net(*training_batch(2, 2, 1), iterations=2)
    parts = net.feature_extractor, net.classifier, net.bb_regressor
    for loss, trained in ((output.raw_scores.sum(), 1), (output.energies.square().sum(), 2)):
        net.zero_grad()
        loss.backward(retain_graph=True)
        with_gradient = [any(p.grad is not None for p in part.parameters()) for part in parts]
        assert with_gradient == [True, trained == 1, trained == 2]


def test_whole_numbers_are_crops_too() -> None:
    torch.manual_seed(0)
    net = TrackerNet(NetworkConfig()).eval().requires_grad_(False)
    crops = training_batch(1, 1, 1)[0][0].round()
    for tap, expected in zip(net.trunk(crops.to(torch.uint8)), net.trunk(crops), strict=True):
        assert torch.equal(tap, expected)


def test_mixed_precision() -> None:
    """Under autocast the maps of convolutions are bfloat16, what is made of them is float32 and
    nearly the same, and so is the gradient."""
    torch.manual_seed(0)
    net = TrackerNet(TINY).eval()
    batch = training_batch(1, 1, 1)

    def step(enabled: bool) -> tuple[Tensor, Tensor, Tensor]:
        net.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            assert net.trunk(batch[2][:, 0]).stride16.dtype == (
                torch.bfloat16 if enabled else torch.float32
            )
            output = net(*batch, iterations=3)
        (output.raw_scores.square().sum() + output.energies.square().sum()).backward()
        gradient = torch.cat([p.grad.flatten() for p in net.classifier.parameters()])
        return output.raw_scores, output.energies, gradient

    for half, exact in zip(step(True), step(False), strict=True):
        assert half.dtype == torch.float32
        assert not torch.equal(half, exact)
        assert (half - exact).norm() < 0.2 * exact.norm()  # 8 bits through 60 layers


def test_what_is_learned_online_is_not_in_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same taps with and without autocast: filter and box pooling compute the same bits, once
    the convolutions before them are out of the way."""
    torch.manual_seed(0)
    net = TrackerNet(replace(TINY, feature_blocks=0)).eval().requires_grad_(False)
    crops, boxes, test_crops, proposals = training_batch(2, 2, 1)
    train_taps, test_taps = net.trunk(crops.flatten(0, 1)), net.trunk(test_crops.flatten(0, 1))
    head = net.bb_regressor
    for name in ("conv3_1r", "conv4_1r", "conv3_1t", "conv3_2t", "conv4_1t", "conv4_2t"):
        monkeypatch.setattr(head, name, NotInHalf(getattr(head, name)))
    monkeypatch.setattr(
        net.classifier, "feature_extractor", NotInHalf(net.classifier.feature_extractor)
    )
    plain = net.from_taps(train_taps, boxes, test_taps, proposals, 3, SIDE)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = net.from_taps(train_taps, boxes, test_taps, proposals, 3, SIDE)
    assert torch.equal(mixed.raw_scores, plain.raw_scores)
    assert torch.equal(mixed.energies, plain.energies)


class NotInHalf(nn.Module):
    """A module outside of autocast."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return self.module(x)


@pytest.mark.parametrize("width", [None, 8])
def test_signed_blocks_begin_as_the_identity(width: int | None) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(trunk="mobilenet_v2", channels=96)
    plain = TrackerNet(config)
    blocks = replace(config, feature_blocks=2, feature_block="signed", feature_width=width)
    net = TrackerNet(blocks)
    assert net.classifier.feature_extractor[1].conv2.in_channels == (width or 96)
    last = net.classifier.feature_extractor[2]
    last.load_state_dict(plain.classifier.feature_extractor[0].state_dict())
    features = torch.randn(3, 96, 5, 5)
    for mode in (True, False):
        net.train(mode)
        assert torch.equal(net.classifier_features(features), plain.classifier_features(features))


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
    del tree["feature_block"], tree["feature_width"]  # there was one kind
    if isinstance(config.filter_optimizer, HingeConfig):
        del tree["filter_optimizer"]["label_sigma"]  # it stood in the preset
    assert network_config(tree) == config


def test_networks_without_training_of_an_earlier_version() -> None:
    tree = {**as_dict(NetworkConfig()), "initializer": "none", "box_head": "none"}
    assert network_config(tree) == NetworkConfig()
    with pytest.raises(ConfigError, match="box_head"):
        network_config({**tree, "box_head": "energetic"})
