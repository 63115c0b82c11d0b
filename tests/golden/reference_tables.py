"""Small tables of an independent implementation, and how ours are compared with them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor


def close(actual: Tensor, expected: ArrayLike, tolerance: float = 1e-6, what: str = "") -> None:
    """`tolerance` relative to the largest value."""
    wanted = np.asarray(expected)
    atol = tolerance * max(np.abs(wanted).max(), 1e-30)
    np.testing.assert_allclose(actual.numpy(), wanted, atol=atol, rtol=0, err_msg=what)


def table(arrays: Any, key: str) -> Any:
    return json.loads(str(arrays[key]))


def rows(cases: list[dict[str, Any]], key: str) -> Tensor:
    return torch.tensor([case[key] for case in cases], dtype=torch.float32)
