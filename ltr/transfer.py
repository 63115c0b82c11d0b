"""What goes from the host to a device, without making the host wait."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor` on `device`; by way of pinned memory where that is CUDA, so that the host goes on at once."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@lru_cache(maxsize=1024)
def constant(values: Any, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A tensor of (nested tuples of) numbers; kept, so that the same small table is sent only once.

    The type has to be said: (1,) and (True,) are one key."""
    return upload(torch.tensor(values, dtype=dtype), device)
