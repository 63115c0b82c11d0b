"""TrackerNet: trunk and classifier, one forward per role. It knows crops and features, nothing about frames."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ltr.models.backbone import TRUNKS, TrunkName
from ltr.models.classifier.features import ClassifierFeatures, instance_l2_norm
from ltr.models.classifier.steepest_descent import HingeSteepestDescent
from ltr.settings import setting

STRIDE = 16
"""Crop pixels per feature cell."""


@dataclass(frozen=True)
class NetworkConfig:
    """What makes a network, as it stands in the metadata of its file."""

    trunk: TrunkName = setting("resnet18", "1", "the convolutional body")
    feature_blocks: int = setting(0, "1", "residual blocks before the classifier's last convolution", (0, 4))
    feature_kernel: int = setting(1, "cells", "kernel of the classifier's last convolution", (1, 7))
    channels: int = setting(256, "1", "classifier feature channels", (1, 4096))
    filter_size: int = setting(4, "cells", "side of the target model's filter", (1, 16))


class Classifier(nn.Module):
    """Feature block and the optimizer that learns the filter online."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.filter_optimizer = HingeSteepestDescent(filter_reg=0.01)
        self.feature_extractor = ClassifierFeatures(
            TRUNKS[config.trunk].channels16, config.channels, config.feature_blocks, config.feature_kernel
        )


class TrackerNet(nn.Module):
    """The network as it is trained and stored; the tracker runs on its `fold`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.feature_extractor = TRUNKS[config.trunk]()
        self.classifier = Classifier(config)

    def classifier_features(self, images: Tensor) -> Tensor:
        """Normalised images (B, 3, H, W) -> features (B, H/16, W/16, C), instance L2 normalised."""
        features = self.classifier.feature_extractor(self.feature_extractor(images).stride16)
        return instance_l2_norm(features.permute(0, 2, 3, 1), self.config.filter_size)

    def initial_filter(self, samples: Tensor) -> Tensor:
        """The filter that the descent starts from, (B, C, K, K): zero, for networks without a filter initializer."""
        size = self.config.filter_size
        return torch.zeros(len(samples), samples.shape[-1], size, size, device=samples.device)
