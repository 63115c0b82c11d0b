"""Devices by name, what goes there from the host without making it wait, and how much has room
there."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ltr.errors import ConfigError


def choose_device(device: str | torch.device | None) -> torch.device:
    """The device of a name; "auto" and None are CUDA where there is one, else the CPU. Raises
    ConfigError for one that is not there."""
    if device is None or device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    named = str(device)
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError):
        raise ConfigError(f"unknown device {named!r}: give auto, cpu, cuda or cuda:N") from None
    if chosen.type not in ("cpu", "cuda"):
        raise ConfigError(f"device {named!r} is not supported: give auto, cpu, cuda or cuda:N")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {named!r} is not there: no CUDA device was found; give cpu or auto"
        )
    return chosen


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor` on `device`; by way of pinned memory where that is CUDA, so that the host goes on at
    once."""
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@lru_cache(maxsize=1024)
def constant(values: Any, device: torch.device, dtype: torch.dtype) -> Tensor:
    """A tensor of (nested tuples of) numbers; kept, so that the same small table is sent only once.

    The type has to be said: (1,) and (True,) are one key."""
    with torch.inference_mode(False):  # else it could not be used in training later
        return upload(torch.tensor(values, dtype=dtype, device="cpu"), device)


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free on `device`; None where the system does not say."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    try:
        table = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(table["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
    group = Path("/sys/fs/cgroup")  # a container may have less than its machine
    try:
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        # used by files that were read: given back when it is needed
        limit += int(counts["inactive_file"])
    except (OSError, KeyError, ValueError):
        return free
    return max(0, min(free, limit - used))
