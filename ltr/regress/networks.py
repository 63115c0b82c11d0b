"""Features of an image, and the heads that stand on them: of an energy, of a mixture.

ResNet-18 and heads of 512 are those of Gustafsson et al. 2022; a trunk of fewer channels has heads
that are as much narrower.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from ltr.ebm.mixture import MixtureDensity
from ltr.errors import CheckpointError
from ltr.images import MEAN, STD
from ltr.models.backbone import BasicBlock, ResNet18
from ltr.models.tracker_net import is_counter
from ltr.networks import load_network
from ltr.paths import open_regular

TrunkName = Literal["resnet18", "small"]


class ResNet18Features(nn.Module):
    """ResNet-18 to its last stage, and the mean over the picture.

    weights: "none" for a training from scratch; "imagenet", with those of the bundled `imagenet18`,
    which end a stage earlier; or torchvision's file of the whole network. What has such weights is
    not trained where `frozen` is asked for, but its batch norm goes on with its statistics, as
    published."""

    channels = 512

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.trunk = ResNet18()
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512))
        self._first, self._last = weights != "none", weights not in ("none", "imagenet")
        if self._last:
            _fill(self, Path(weights))
        elif self._first:
            state = load_network("imagenet18").feature_extractor.state_dict()
            self.trunk.load_state_dict(state)

    def forward(self, images: Tensor, frozen: bool = False) -> Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not (frozen and self._first)):
            maps = self.trunk(images).stride16
        with torch.set_grad_enabled(torch.is_grad_enabled() and not (frozen and self._last)):
            return self.layer4(maps).mean((-2, -1))


class SmallFeatures(nn.Module):
    """Three convolutions, from scratch: a step of 32 pictures takes 8 ms of a processor."""

    channels = 128

    def __init__(self, weights: str) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs, kernel, stride in ((3, 32, 4, 4), (32, 64, 3, 2), (64, 128, 3, 2)):
            convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel % 2, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor, frozen: bool = False) -> Tensor:
        return self.layers(images).mean((-2, -1))


TRUNKS: dict[TrunkName, type[ResNet18Features] | type[SmallFeatures]] = {
    "resnet18": ResNet18Features,
    "small": SmallFeatures,
}


class EnergyHead(nn.Module):
    """f(x, y): four layers on y, a layer on both, and the score. Its halves are apart, so that the
    features are multiplied once for all points of an image, and a grid once for all images."""

    def __init__(self, features: int, dimensions: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((dimensions, 16), (16, 32), (32, 64), (64, 128)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.target = nn.Sequential(*layers, nn.Linear(128, features, bias=False))
        self.image = nn.Linear(features, features)
        self.score = nn.Linear(features, 1)

    def scores(self, on_image: Tensor, on_target: Tensor) -> Tensor:
        """(B, M) of `image` (B, F) and `target` (B, M, F), or (M, F) for the same points."""
        return self.score((on_image[:, None] + on_target).relu())[..., 0]


class MixtureHead(nn.Module):
    """A mixture of K Gaussians over D dimensions: three branches. As published, a row of means and
    log variances for each dimension."""

    def __init__(self, features: int, dimensions: int, components: int) -> None:
        super().__init__()
        self._shape = (dimensions, components)

        def branch(outputs: int) -> nn.Sequential:
            hidden = nn.Linear(features, features)
            return nn.Sequential(hidden, nn.ReLU(), nn.Linear(features, outputs))

        self.means = branch(dimensions * components)
        self.log_variances = branch(dimensions * components)
        self.logits = branch(components)

    def forward(self, features: Tensor) -> MixtureDensity:
        tables = (part(features) for part in (self.means, self.log_variances))
        means, log_variances = (table.unflatten(-1, self._shape).mT for table in tables)
        return MixtureDensity(self.logits(features), means, log_variances / 2)


def normalized(images: Tensor) -> Tensor:
    """Images (B, C, H, W) uint8, RGB or grey, as networks of ImageNet take them: (B, 3, H, W)."""
    mean, deviation = (torch.tensor(v, device=images.device).view(3, 1, 1) for v in (MEAN, STD))
    whole = (images / 255 - mean) / deviation
    return whole.contiguous(memory_format=torch.channels_last)


def _fill(features: ResNet18Features, path: Path) -> None:
    """Raises CheckpointError."""
    try:
        with open_regular(path) as file:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CheckpointError(f"cannot read weights {path}: {error.strerror or error}") from None
    except Exception:  # a pickle of strangers raises whatever it likes
        raise _not_torchvisions(path, "it is damaged or holds more than tensors") from None
    if not isinstance(state, dict):
        raise _not_torchvisions(path, "it is no table of tensors")
    found = {}
    for key, tensor in features.state_dict().items():
        name = key.removeprefix("trunk.")
        # files of old versions of torch have no counters
        found[key] = state.get(name, tensor if is_counter(name) else None)
        if getattr(found[key], "shape", None) != tensor.shape:
            raise _not_torchvisions(path, f"{name} is missing or has another shape")
    features.load_state_dict(found)


def _not_torchvisions(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"weights {path} are not those of torchvision's ResNet-18 ({why}): give its file "
        "resnet18-f37072fd.pth, or imagenet for the bundled ones"
    )
