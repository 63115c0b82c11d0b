"""Convolutions as the tracker runs them on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Activation = tuple[str, list[float]]
NONE: Activation = ("none", [])
RELU6: Activation = ("hardtanh", [0.0, 6.0])


class FusedConvolution(nn.Module):
    """A convolution whose activation is applied while its output is still in the cache, and whose
    weights, if its kernel is 3 x 3, already lie as the CPU reads them: an eighth less time for
    MobileNetV2, a twentieth for ResNets.

    The operator is the one that torch's own compiler emits for the CPU; kernels of 1 x 1 are slower
    with their weights laid out anew. `benchmarks/parts_speed.py` measures both."""

    def __init__(self, convolution: nn.Conv2d, activation: Activation = NONE) -> None:
        super().__init__()
        geometry = ([*convolution.stride], [*convolution.dilation], convolution.groups)
        weight = convolution.weight.contiguous(memory_format=torch.channels_last)
        if convolution.kernel_size == (3, 3) and convolution.groups == 1:
            padding = [*convolution.padding]
            weight = torch._C._nn.mkldnn_reorder_conv2d_weight(
                weight.to_mkldnn(), padding, *geometry
            )
        self.weight, self.bias, self.geometry = weight, convolution.bias, geometry
        self.padding, self.activation = [*convolution.padding], activation

    @staticmethod
    def available() -> bool:
        """Whether this build of torch has the operators."""
        return (
            torch.backends.mkldnn.is_available()
            and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
            and hasattr(torch._C._nn, "mkldnn_reorder_conv2d_weight")
        )

    def forward(self, x: Tensor) -> Tensor:
        operator = torch.ops.mkldnn._convolution_pointwise
        return operator(
            x, self.weight, self.bias, self.padding, *self.geometry, *self.activation, ""
        )
