"""TrackerNet: trunk, classifier, box head, one forward per role. It knows crops and features,
nothing about frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ltr.ebm.mixture import MixtureDensity
from ltr.errors import ConfigError
from ltr.geometry import middle_yx
from ltr.images import MEAN, STD
from ltr.models.backbone import TRUNKS, Taps, TrunkName
from ltr.models.box.energy import EnergyHead, EnergyHeadConfig, Modulation
from ltr.models.box.mixture import MixtureHead, MixtureHeadConfig
from ltr.models.classifier.density_descent import DensitySteepestDescent, DivergenceConfig
from ltr.models.classifier.features import ClassifierFeatures, instance_l2_norm
from ltr.models.classifier.initializer import PooledInitializer, ZeroInitializer
from ltr.models.classifier.linear_filter import apply_filter
from ltr.models.classifier.steepest_descent import (
    HingeConfig,
    HingeSteepestDescent,
    LearnedConfig,
    LearnedSteepestDescent,
)
from ltr.models.precision import widened, widened_taps, without_autocast
from ltr.models.stride import STRIDE
from ltr.models.tracking_network import ScoreGrid
from ltr.settings import group, setting
from ltr.transfer import constant

FilterOptimizer = HingeSteepestDescent | LearnedSteepestDescent | DensitySteepestDescent


@dataclass(frozen=True, kw_only=True)
@group
class NetworkConfig:
    """What makes a network, as it stands in the metadata of its file."""

    trunk: TrunkName = setting("resnet18", "1", "the convolutional body")
    feature_blocks: int = setting(
        0, "1", "residual blocks before the classifier's last convolution", (0, 4)
    )
    feature_block: Literal["basic", "signed"] = setting(
        "basic",
        "1",
        "basic: blocks end in a ReLU; signed: they do not, and begin as the identity, so that "
        "training starts from the features of the trunk",
    )
    feature_width: int | None = setting(
        None, "1", "channels inside a block, fewer are faster; none: as the trunk has", (1, 4096)
    )
    feature_kernel: int = setting(1, "cells", "kernel of the classifier's last convolution", (1, 7))
    channels: int = setting(256, "1", "classifier feature channels", (1, 4096))
    filter_size: int = setting(4, "cells", "side of the target model's filter", (1, 16))
    initializer: Literal["zeros", "pooled", "pooled_zero_init"] = setting(
        "zeros",
        "1",
        "the first filter: zeros, or pooled from the first frame by a convolution; "
        "pooled_zero_init: one that training begins with at zero",
    )
    filter_optimizer: HingeConfig | LearnedConfig | DivergenceConfig = field(
        default_factory=HingeConfig
    )
    box_head: EnergyHeadConfig | None = setting(
        None, "1", "what says how well a box fits the target"
    )
    proposal_head: MixtureHeadConfig | None = setting(
        None, "1", "what says where a box may lie, from the box head's features"
    )

    def __post_init__(self) -> None:
        if self.proposal_head is not None and self.box_head is None:
            raise ConfigError(
                "proposal_head reads the features of a box head, but box_head is none: set both"
            )


class TrainingOutput(NamedTuple):
    """What training compares with labels, of T test frames of each of B sequences."""

    raw_scores: Tensor | None
    """(1 + n, B, T, H', W'): the filter's output at first and after each of n descent steps, of
    which `filter_optimizer.scores` makes scores; None where the classifier was left out."""
    energies: Tensor | None
    """(B, T, N), of the proposals; None where the box head was left out, or there is none."""


class BoxScene(NamedTuple):
    """What the box head sees of T test frames of each of B sequences."""

    energy_head: EnergyHead
    proposal_head: MixtureHead | None
    features: Taps
    """(B T, ...), the maps that boxes are pooled from."""
    modulation: Modulation
    """(B T, ...)"""

    def energies(self, boxes_xywh: Tensor) -> Tensor:
        """(B, T, N) of boxes (B, T, N, 4), pool format."""
        with without_autocast(boxes_xywh.device):
            energies = self.energy_head(self.features, self.modulation, boxes_xywh.flatten(0, 1))
        return energies.unflatten(0, boxes_xywh.shape[:2])

    def proposal(self, first_xywh: Tensor) -> MixtureDensity:
        """Densities (B T,) of offsets from first boxes (B, T, 4), pool format. Only of a network
        with a proposal head."""
        assert self.proposal_head is not None
        with without_autocast(first_xywh.device):
            return self.proposal_head(self.features, self.modulation, first_xywh.flatten(0, 1))


class Classifier(nn.Module):
    """Feature block, initializer and the optimizer that learns the filter online."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.filter_initializer = (
            ZeroInitializer(config.filter_size)
            if config.initializer == "zeros"
            else PooledInitializer(
                config.channels, config.filter_size, config.initializer == "pooled_zero_init"
            )
        )
        self.filter_optimizer = filter_optimizer(config.filter_optimizer)
        self.feature_extractor = ClassifierFeatures(
            TRUNKS[config.trunk].channels16,
            config.channels,
            config.feature_blocks,
            config.feature_kernel,
            config.feature_block == "signed",
            config.feature_width,
        )


class TrackerNet(nn.Module):
    """The network as it is trained and stored; the tracker runs on its `fold`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        trunk = TRUNKS[config.trunk]
        self.feature_extractor = trunk()
        self.classifier = Classifier(config)
        self.bb_regressor = (
            None
            if config.box_head is None
            else EnergyHead(trunk.channels8, trunk.channels16, config.box_head)
        )
        self.proposal_head = (
            None
            if config.proposal_head is None or config.box_head is None
            else MixtureHead(config.box_head.channels, config.proposal_head)
        )

    def forward(
        self,
        train_crops: Tensor,
        train_boxes_xywh: Tensor,
        test_crops: Tensor,
        proposals_xywh: Tensor | None,
        iterations: int | None,
    ) -> TrainingOutput:
        """One step of training: `from_taps` of crops.

        train_crops (B, S, 3, n, n) and test_crops (B, T, 3, n, n): RGB 0..255, as `ltr.crops.crop`
        gives them, or whole numbers. Train and test frames pass the trunk one after another, each
        with batch statistics of its own."""
        train_taps = self.trunk(train_crops.flatten(0, 1))
        test_taps = self.trunk(test_crops.flatten(0, 1))
        side = train_crops.shape[-1]
        return self.from_taps(
            train_taps, train_boxes_xywh, test_taps, proposals_xywh, iterations, side
        )

    def from_taps(
        self,
        train_taps: Taps,
        train_boxes_xywh: Tensor,
        test_taps: Taps,
        proposals_xywh: Tensor | None,
        iterations: int | None,
        crop_side: int,
    ) -> TrainingOutput:
        """One step of training, as of DiMP: filters and modulations of B sequences from S train
        frames each, tried on T test frames.

        train_taps (B S, ...) and test_taps (B T, ...): the trunk's features of crops of `crop_side`
        pixels; in half precision only under autocast. train_boxes_xywh (B, S, 4) and proposals_xywh
        (B, T, N, 4): pool format; the modulation is that of the first train frame. iterations:
        descent steps, n. None leaves out the box head (proposals) or the classifier (iterations).
        """
        raw_scores = energies = None
        if iterations is not None:
            raw_scores = self._raw_scores(
                train_taps, train_boxes_xywh, test_taps, iterations, crop_side
            )
        if proposals_xywh is not None and self.bb_regressor is not None:
            scene = self.box_scene(train_taps, train_boxes_xywh, test_taps)
            energies = scene.energies(proposals_xywh)
        return TrainingOutput(raw_scores, energies)

    def box_scene(self, train_taps: Taps, train_boxes_xywh: Tensor, test_taps: Taps) -> BoxScene:
        """The test frames as the box head sees them, with the modulation of the first train frame.
        As `from_taps`; only of a network with a box head."""
        assert self.bb_regressor is not None
        batch = len(train_boxes_xywh)
        train, test = (len(taps.stride16) // batch for taps in (train_taps, test_taps))
        reference = Taps(*(tap[::train] for tap in train_taps))
        modulation = self.bb_regressor.modulation(reference, train_boxes_xywh[:, 0])
        modulation = Modulation(*(half.repeat_interleave(test, dim=0) for half in modulation))
        features = widened_taps(self.bb_regressor.box_features(test_taps))
        return BoxScene(self.bb_regressor, self.proposal_head, features, modulation)

    def _raw_scores(
        self,
        train_taps: Taps,
        train_boxes_xywh: Tensor,
        test_taps: Taps,
        iterations: int,
        crop_side: int,
    ) -> Tensor:
        """The test frames' raw scores, as in TrainingOutput."""
        batch, train = train_boxes_xywh.shape[:2]
        samples = self.classifier_features(train_taps.stride16).unflatten(0, (batch, train))
        searched = self.classifier_features(test_taps.stride16).unflatten(0, (batch, -1))
        weights = samples.new_full((batch, train), 1 / train)
        with without_autocast(samples.device):
            maps = self.sample_maps(middle_yx(train_boxes_xywh), crop_side)
            first = self.classifier.filter_initializer(samples, train_boxes_xywh)
            iterates = self.classifier.filter_optimizer.iterates(
                first, samples, maps, weights, iterations
            )
            return torch.stack([apply_filter(searched, filters) for filters in iterates])

    def trunk(self, crops: Tensor) -> Taps:
        """Crops (R, 3, n, n), RGB 0..255 -> the trunk's features."""
        crops = crops if crops.is_floating_point() else crops.float()
        mean, std = (
            constant(values, crops.device, crops.dtype).view(3, 1, 1) for values in (MEAN, STD)
        )
        return self.feature_extractor((crops / 255 - mean) / std)

    def classifier_features(self, stride16: Tensor) -> Tensor:
        """Trunk features (B, C16, H, W) -> classifier features (B, H, W, C), instance L2
        normalised."""
        features = widened(self.classifier.feature_extractor(stride16))
        return instance_l2_norm(features.permute(0, 2, 3, 1), self.config.filter_size)

    def score_grid(self, crop_side: int) -> ScoreGrid:
        """The grid of score maps. A filter of even side K has one score more than there are cells,
        between the cells; the score of an odd one lies on its cell, whose middle is half a cell
        from its edge."""
        odd = self.config.filter_size % 2
        return ScoreGrid(side=crop_side // STRIDE + 1 - odd, stride=STRIDE, shift=odd / 2)

    def sample_maps(self, position_yx: Tensor, crop_side: int) -> Tensor:
        """What samples with the target's middle at crop pixels (..., 2) ask of the filter, (..., T,
        H', W')."""
        grid = self.score_grid(crop_side)
        cell_yx = grid.cell_of(position_yx)
        return self.classifier.filter_optimizer.sample_maps(cell_yx, (grid.side, grid.side))


def is_counter(key: str) -> bool:
    """Whether a tensor of this name counts the batches of a batch norm: no file holds those."""
    return key.endswith("num_batches_tracked")


def stored_tensors(net: TrackerNet) -> dict[str, Tensor]:
    """The part of a network's state that a file holds: all but the counters of the batch norms."""
    return {key: tensor for key, tensor in net.state_dict().items() if not is_counter(key)}


def filter_optimizer(config: HingeConfig | LearnedConfig | DivergenceConfig) -> FilterOptimizer:
    """The optimizer of a configuration."""
    if isinstance(config, HingeConfig):
        return HingeSteepestDescent(config)
    if isinstance(config, LearnedConfig):
        return LearnedSteepestDescent(config)
    return DensitySteepestDescent(config)
