"""The arrays of ebm1d_objectives.npz (EBM_README.md there), which remember who was asked for."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


class EnergyArrays(dict[str, Tensor]):
    """By key; `used` are those that were read one by one."""

    def __init__(self, file: np.lib.npyio.NpzFile) -> None:
        super().__init__({key: torch.from_numpy(np.array(file[key])) for key in file.files})
        self.used: set[str] = set()

    def __getitem__(self, key: str) -> Tensor:
        self.used.add(key)
        return super().__getitem__(key)
