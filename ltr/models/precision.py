"""Mixed precision in training: under `torch.autocast` convolutions over whole maps may be in half
precision, all that is learned online, pooled or compared is in float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from ltr.models.backbone import Taps


def widened(tensor: Tensor) -> Tensor:
    """Half precision as float32; float32 and float64 as they are."""
    return tensor.float() if tensor.itemsize < 4 else tensor


def widened_taps(taps: Taps) -> Taps:
    """Both maps `widened`."""
    return Taps(widened(taps.stride8), widened(taps.stride16))


def without_autocast(device: torch.device) -> AbstractContextManager[object]:
    """A context in which operators take the precision of their arguments."""
    if not torch.amp.is_autocast_available(device.type):  # the meta device has none
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
