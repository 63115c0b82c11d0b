"""Trunks with torchvision's parameter names, behind one interface.

A trunk maps normalised images (B, 3, H, W) to `Taps`, its outputs at stride 8 and 16; H and W are
multiples of 16. ResNet-18 and ResNet-50: He et al. 2016, as DiMP uses them, to the end of `layer3`.
MobileNetV2: Sandler et al. 2018, to `features.13`, whose projections are linear, so both taps are
signed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn

TrunkName = Literal["resnet18", "resnet50", "mobilenet_v2"]


class Taps(NamedTuple):
    """A trunk's outputs: (B, C8, H/8, W/8) and (B, C16, H/16, W/16)."""

    stride8: Tensor
    stride16: Tensor


def _downsample(channels_in: int, channels: int, stride: int) -> nn.Sequential | None:
    """What brings a shortcut to the shape of its block's output; None where it has that already."""
    if stride == 1 and channels_in == channels:
        return None
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
    )


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut (He et al. 2016, figure 5 left).

    A `signed` block has no ReLU behind the sum, for features that may be negative, and begins as
    the identity: the weight of its last batch norm is zero. inner: channels between the
    convolutions, by default `channels`."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        stride: int = 1,
        signed: bool = False,
        inner: int | None = None,
    ) -> None:
        super().__init__()
        inner = inner or channels
        self.signed = signed
        self.conv1 = nn.Conv2d(channels_in, inner, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        if signed:
            nn.init.zeros_(self.bn2.weight)
        self.downsample = _downsample(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu_()
        y = self.bn2(self.conv2(y))
        y = y.add_(x if self.downsample is None else self.downsample(x))
        return y if self.signed else y.relu_()


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 with the stride, 1 x 1 to four times the channels, and a shortcut (He et al.
    2016, figure 5 right)."""

    def __init__(self, channels_in: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        inner = channels // 4
        self.conv1 = nn.Conv2d(channels_in, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = _downsample(channels_in, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu_()
        y = self.bn2(self.conv2(y)).relu_()
        y = self.bn3(self.conv3(y))
        return y.add_(x if self.downsample is None else self.downsample(x)).relu_()


Block = type[BasicBlock] | type[Bottleneck]


def _stage(block: Block, channels_in: int, channels: int, count: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        block(channels_in, channels, stride), *(block(channels, channels) for _ in range(count - 1))
    )


class ResNet(nn.Module):
    """A residual network from the stem to the end of `layer3`."""

    def __init__(
        self, block: Block, channels: tuple[int, int, int], blocks: tuple[int, int, int]
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(block, 64, channels[0], blocks[0], 1)
        self.layer2 = _stage(block, channels[0], channels[1], blocks[1], 2)
        self.layer3 = _stage(block, channels[1], channels[2], blocks[2], 2)

    def forward(self, images: Tensor) -> Taps:
        x = self.layer1(self.maxpool(self.bn1(self.conv1(images)).relu_()))
        stride8 = self.layer2(x)
        return Taps(stride8, self.layer3(stride8))


class ResNet18(ResNet):
    """ResNet-18 to the end of `layer3`."""

    channels8, channels16 = 128, 256

    def __init__(self) -> None:
        super().__init__(BasicBlock, (64, 128, 256), (2, 2, 2))


class ResNet50(ResNet):
    """ResNet-50 to the end of `layer3`."""

    channels8, channels16 = 512, 1024

    def __init__(self) -> None:
        super().__init__(Bottleneck, (256, 512, 1024), (3, 4, 6))


def _conv_bn_relu6(
    channels_in: int, channels: int, kernel: int, stride: int, groups: int = 1
) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Expansion, depthwise 3 x 3, linear projection (Sandler et al. 2018, figure 4d)."""

    def __init__(self, channels_in: int, channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels_in * expansion
        self.shortcut = stride == 1 and channels_in == channels
        self.conv = nn.Sequential(
            *([_conv_bn_relu6(channels_in, hidden, 1, 1)] if expansion != 1 else []),
            _conv_bn_relu6(hidden, hidden, 3, stride, groups=hidden),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).add_(x) if self.shortcut else self.conv(x)


class MobileNetV2(nn.Module):
    """MobileNetV2, width 1, from `features.0` to `features.13`."""

    channels8, channels16 = 32, 96

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_bn_relu6(3, 32, 3, 2)]
        channels_in = 32
        # expansion, channels, blocks, stride of the first: table 2 of the paper, rows 1 to 5
        for expansion, channels, blocks, stride in (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
        ):
            for block in range(blocks):
                layers.append(
                    InvertedResidual(channels_in, channels, stride if block == 0 else 1, expansion)
                )
                channels_in = channels
        self.features = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Taps:
        stride8 = self.features[:7](images)
        return Taps(stride8, self.features[7:](stride8))


TRUNKS: dict[TrunkName, type[ResNet18] | type[ResNet50] | type[MobileNetV2]] = {
    "resnet18": ResNet18,
    "resnet50": ResNet50,
    "mobilenet_v2": MobileNetV2,
}
