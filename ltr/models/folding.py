"""fold(net) -> InferenceNet: the form of a network that the tracker runs. The training network is
never touched."""

from __future__ import annotations

import copy
import hashlib

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ltr.images import MEAN, STD
from ltr.models.backbone import Taps
from ltr.models.box.closed_form import ClosedFormHead
from ltr.models.classifier.linear_filter import apply_filter
from ltr.models.fused_convolution import RELU6, FusedConvolution
from ltr.models.stride import STRIDE
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.models.tracking_network import ConditionedHead, Features

CPU_BATCH = 4
"""Crops that go through the trunk at once on a CPU: the features of more do not stay in its
cache."""


class InferenceNet:
    """A network with batch norms folded, channels last and read-only weights, on one device: the
    `TrackingNetwork` that PyTorch runs."""

    def __init__(self, net: TrackerNet, device: torch.device) -> None:
        self.fingerprint = _fingerprint(net)
        net = copy.deepcopy(net).eval().requires_grad_(False)
        _fold_batch_norms(net)
        # the division by the standard deviation goes into the first convolution, which is linear
        first = next(net.feature_extractor.parameters())
        first.div_(first.new_tensor(STD).view(1, 3, 1, 1) * 255)
        net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if device.type == "cpu" and FusedConvolution.available():
            _fuse(net.feature_extractor)
            _fuse(net.classifier.feature_extractor)
        self.config: NetworkConfig = net.config
        self.device = device
        self._mean = torch.tensor(MEAN, dtype=torch.float32, device=device).view(3, 1, 1) * 255
        self._net = net
        self._optimizer = net.classifier.filter_optimizer
        self.score_grid = net.score_grid
        self.sample_maps = net.sample_maps
        self.first_filter = net.classifier.filter_initializer
        self.learn_filter = net.classifier.filter_optimizer
        self.box_head = (
            None
            if net.bb_regressor is None
            else ClosedFormHead(net.bb_regressor, net.proposal_head)
        )

    @property
    def has_box_head(self) -> bool:
        """Whether boxes can be fitted."""
        return self.box_head is not None

    @property
    def has_proposals(self) -> bool:
        """Whether boxes can be drawn."""
        return self.box_head is not None and self.box_head.has_proposals

    def synchronize(self) -> None:
        """Wait until the device has done all that it was given."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def state_shapes(self, crop_side: int) -> dict[str, tuple[int, ...]]:
        """Shapes of what one target keeps, by name."""
        config, cells = self.config, crop_side // STRIDE
        maps = self.sample_maps(self._mean.new_zeros(2), crop_side)
        return {
            "filter": (config.channels, config.filter_size, config.filter_size),
            "modulation": (0 if self.box_head is None else self.box_head.modulation_size,),
            "sample": (cells, cells, config.channels),
            "maps": tuple(maps.shape),
        }

    @torch.inference_mode()
    def features(self, crops: Tensor) -> Features:
        """Crops (R, 3, n, n), RGB 0..255 -> features."""
        taps = self.trunk(crops)
        return Features(taps, self.classifier_features(taps.stride16))

    def trunk(self, crops: Tensor) -> Taps:
        """Crops (R, 3, n, n), RGB 0..255 -> the trunk's features."""
        images = (crops - self._mean).contiguous(memory_format=torch.channels_last)
        if self.device.type != "cpu" or len(images) <= CPU_BATCH:
            return self._net.feature_extractor(images)
        parts = [self._net.feature_extractor(part) for part in images.split(CPU_BATCH)]
        return Taps(*(torch.cat(tap) for tap in zip(*parts, strict=True)))

    def classifier_features(self, stride16: Tensor) -> Tensor:
        """Trunk features of stride 16 -> classifier features (R, n/16, n/16, C), L2 normalised."""
        return self._net.classifier_features(stride16)

    def scores(self, classifier: Tensor, filters: Tensor, raw: bool = False) -> Tensor:
        """(R, H, W, C) and (R, C, K, K) -> (R, H', W')."""
        answers = apply_filter(classifier[:, None], filters)[:, 0]
        return answers if raw else self._optimizer.scores(answers)

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Tensor:
        """Boxes (R, 4) in pool format -> (R, M)."""
        assert self.box_head is not None
        return self.box_head.modulation(taps, boxes_xywh)

    def conditioned(self, modulation: Tensor) -> ConditionedHead:
        """The box head for modulations (B, M)."""
        assert self.box_head is not None
        return self.box_head.conditioned(modulation)


def fold(net: TrackerNet, device: torch.device | str = "cpu") -> InferenceNet:
    """The inference form of `net`."""
    chosen = torch.device(device)
    # tables are cached by device: it has to have its number
    if chosen.type == "cuda" and chosen.index is None:
        chosen = torch.device("cuda", torch.cuda.current_device())
    return InferenceNet(net, chosen)


def _fuse(module: nn.Module) -> None:
    """Replace every folded convolution, with the ReLU6 that may follow it, by one operator."""
    for name, child in list(module.named_children()):
        parts = list(child) if isinstance(child, nn.Sequential) else []
        if [type(part) for part in parts[1:]] == [nn.Identity, nn.ReLU6] and isinstance(
            parts[0], nn.Conv2d
        ):
            setattr(module, name, FusedConvolution(parts[0], RELU6))
        elif isinstance(child, nn.Conv2d):
            setattr(module, name, FusedConvolution(child))
        else:
            _fuse(child)


def _fold_batch_norms(module: nn.Module) -> None:
    """Fold every batch norm into the convolution or linear layer registered right before it."""
    previous: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, (nn.BatchNorm2d, nn.BatchNorm1d)) and previous:
            fuse = fuse_conv_bn_eval if isinstance(previous[1], nn.Conv2d) else fuse_linear_bn_eval
            setattr(module, previous[0], fuse(previous[1], child))  # type: ignore[type-var]
            setattr(module, name, nn.Identity())
        else:
            _fold_batch_norms(child)
        previous = name, child


def _fingerprint(net: TrackerNet) -> str:
    """A digest of configuration and weights: two networks with the same one behave alike."""
    digest = hashlib.sha256(repr(net.config).encode())
    for key, tensor in net.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            digest.update(tensor.cpu().contiguous().numpy())
    return digest.hexdigest()
