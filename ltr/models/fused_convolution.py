"""Convolutions as the tracker runs them on a CPU."""

from __future__ import annotations

from functools import cache

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
        self.weight = weight
        self.bias = convolution.bias
        self.geometry = geometry
        self.padding = [*convolution.padding]
        self.activation = activation

    @staticmethod
    @cache
    def available() -> bool:
        """Whether this build of torch has the operators, which are private to it: tried once, on
        kernels of 3 x 3 and 1 x 1."""
        return all(_is_a_convolution(kernel) for kernel in (3, 1))

    def forward(self, x: Tensor) -> Tensor:
        operator = torch.ops.mkldnn._convolution_pointwise
        return operator(
            x, self.weight, self.bias, self.padding, *self.geometry, *self.activation, ""
        )


def _is_a_convolution(kernel: int) -> bool:
    """Whether the fused form of a small convolution runs, and gives what the plain one gives."""
    plain = nn.utils.skip_init(nn.Conv2d, 2, 3, kernel, padding=kernel // 2, dtype=torch.float32)
    image = torch.arange(32, dtype=torch.float32, device="cpu").view(1, 2, 4, 4) / 32
    with torch.no_grad():
        for parameter in plain.parameters():
            count = parameter.numel()
            ramp = torch.arange(count, dtype=torch.float32, device="cpu") * (8 / count) - 3
            parameter.copy_(ramp.view_as(parameter))
        expected = plain(image).clamp(0, 6)
        try:
            return torch.allclose(FusedConvolution(plain, RELU6)(image), expected, atol=1e-4)
        except Exception:  # what is private may be missing, or refuse, in any way
            return False
