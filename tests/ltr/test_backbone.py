"""Trunks: the self-test of their weights, torchvision's layout, and the folded form."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ltr.images import MEAN, STD
from ltr.models.backbone import TRUNKS
from ltr.models.folding import fold
from ltr.models.fused_convolution import FusedConvolution
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.networks import load_network

# output, module, shape, mean, std, channels 0..3 at row 1, column 2: the README of the shared weights
SELF_TEST = {
    "resnet18": [
        ("layer1", (1, 64, 16, 24), 0.553343, 0.524797, [1.90052, 0, 0, 0]),
        ("layer2", (1, 128, 8, 12), 0.161304, 0.256114, [0.04724, 0, 0, 0]),
        ("layer3", (1, 256, 4, 6), 0.129512, 0.193492, [0.39774, 0.1525, 0.15973, 0]),
    ],
    "mobilenet_v2": [
        ("features.3", (1, 24, 16, 24), 0.151128, 1.118654, [1.48134, -0.06311, 0.94844, 0.45061]),
        ("features.6", (1, 32, 8, 12), 0.053566, 1.159951, [0.79646, 1.10957, -0.38275, 1.54719]),
        ("features.13", (1, 96, 4, 6), 0.070918, 0.523186, [0.84576, -0.54751, -0.446, 0.1236]),
    ],
}
TOLERANCE = 2e-5
BUNDLED = {"resnet18": "imagenet18", "mobilenet_v2": "imagenet_mobile"}


def self_test_image() -> Tensor:
    ramp = torch.arange(3 * 64 * 96, dtype=torch.float64) * 0.37 % 1
    image = ramp.float().view(1, 3, 64, 96)
    return (image - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def outputs(trunk: nn.Module, names: list[str], image: Tensor) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    modules = dict(trunk.named_modules())
    hooks = [
        modules[name].register_forward_hook(
            lambda _m, _i, out, name=name: found.update({name: out.clone()})
        )
        for name in names
    ]
    with torch.no_grad():
        trunk(image)
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("name", SELF_TEST)
def test_self_test_of_the_weights(name: str) -> None:
    trunk = load_network(BUNDLED[name]).feature_extractor
    found = outputs(trunk, [row[0] for row in SELF_TEST[name]], self_test_image())
    for module, shape, mean, std, corner in SELF_TEST[name]:
        out = found[module]
        assert out.shape == shape
        assert out.mean().item() == pytest.approx(mean, abs=TOLERANCE)
        assert out.std().item() == pytest.approx(std, abs=TOLERANCE)
        assert out[0, :4, 1, 2].tolist() == pytest.approx(corner, abs=TOLERANCE)


def test_both_forms_of_the_resnet_weights_are_one_function(shared: Path) -> None:
    folded = {
        k: v.float()
        for k, v in load_file(shared / "weights" / "resnet18_imagenet.safetensors").items()
    }
    net = TrackerNet(NetworkConfig()).eval()
    net.feature_extractor = load_network("imagenet18").feature_extractor
    trunk = copy.deepcopy(net.feature_extractor)
    trunk.load_state_dict({k: v for k, v in folded.items() if k.endswith("weight")}, strict=False)
    for module_name, module in trunk.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            convolution = module_name.replace("bn", "conv").replace("downsample.1", "downsample.0")
            module.running_mean.zero_()
            module.running_var.fill_(1 - module.eps)
            module.weight.data.fill_(1)
            module.bias.data.copy_(folded[f"{convolution}.bias"])
    image = self_test_image()
    with torch.no_grad():
        torch.testing.assert_close(
            trunk(image).stride16, net.feature_extractor(image).stride16, atol=TOLERANCE, rtol=1e-5
        )


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", BUNDLED)
def test_folded_network_is_the_same_function(
    name: str, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fused:  # a build of torch without the operator
        monkeypatch.setattr(FusedConvolution, "available", lambda: False)
    net = load_network(BUNDLED[name])
    crops = torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(0)) * 255
    normalised = (crops / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        expected = net.classifier_features(net.feature_extractor(normalised).stride16)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    inference = fold(net)
    features = inference.classifier_features(inference.trunk(crops).stride16)
    assert features.is_contiguous()
    torch.testing.assert_close(features, expected, atol=1e-5 * expected.abs().max().item(), rtol=0)
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items()), (
        "folding left the network alone"
    )


@pytest.mark.parametrize("block", ["basic", "signed"])
@pytest.mark.parametrize("trunk", ["resnet18", "mobilenet_v2"])
def test_folding_covers_residual_blocks_and_wide_kernels(trunk: Any, block: Any) -> None:
    torch.manual_seed(0)
    config = NetworkConfig(
        trunk=trunk, feature_blocks=1, feature_block=block, feature_kernel=3, channels=32
    )
    net = TrackerNet(config).eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    crops = torch.rand(1, 3, 64, 64) * 255
    normalised = (crops / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        taps = net.feature_extractor(normalised)
        expected = net.classifier_features(taps.stride16)
        assert (net.classifier.feature_extractor[0](taps.stride16).min() < 0) == (block == "signed")
    inference = fold(net)
    torch.testing.assert_close(
        inference.classifier_features(inference.trunk(crops).stride16),
        expected,
        atol=1e-6,
        rtol=1e-4,
    )


@pytest.mark.parametrize("name", TRUNKS)
def test_torchvision_agrees(name: str) -> None:
    from torchvision_import import torchvision_models

    models = torchvision_models()
    reference = getattr(models, name)(weights=None).eval()
    torch.manual_seed(0)
    trunk = (
        load_network(BUNDLED[name]).feature_extractor if name in BUNDLED else TRUNKS[name]().eval()
    )
    _, unexpected = reference.load_state_dict(trunk.state_dict(), strict=False)
    assert not unexpected, "every parameter has torchvision's name"
    last8, last16 = (
        ("layer2", "layer3") if name.startswith("resnet") else ("features.6", "features.13")
    )
    image = self_test_image()
    found = outputs(reference, [last8, last16], image)
    with torch.no_grad():
        taps = trunk(image)
    torch.testing.assert_close(taps.stride8, found[last8], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(taps.stride16, found[last16], atol=1e-5, rtol=1e-5)
    assert (taps.stride8.shape[1], taps.stride16.shape[1]) == (trunk.channels8, trunk.channels16)
