"""The one guarded place where torchvision is imported: to compare with it, where it is installed."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

_DECLARED: list[torch.library.Library] = []


def torchvision_models() -> ModuleType:
    """torchvision.models, or the test is skipped.

    A CUDA build of torchvision beside a CPU build of torch fails with a RuntimeError that names an operator of its own; with
    the two missing schemas declared it imports, and its networks are plain torch."""
    try:
        return _models()
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
    except ImportError:
        pytest.skip("torchvision is not installed")
    for name in [m for m in sys.modules if m.startswith("torchvision")]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")
    _DECLARED.append(library)
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return _models()


def _models() -> ModuleType:
    from torchvision import models

    return models
