"""The state of a training in one file: weights and their mean, optimizer, scaler, step, recipe.

safetensors with JSON in its metadata: nothing that it holds is run, and what does not fit exactly
is refused before a tensor is read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ltr.checkpoints import TRAINING, check_shapes, printable, read_table
from ltr.errors import CheckpointError, ResultError
from ltr.files import write_bytes
from ltr.paths import utf8_name
from ltr.training.learner import Learner

_WHAT = "training state"
_MOMENTS = {"count": "step", "first": "exp_avg", "second": "exp_avg_sq"}
"""What keys of the file begin with, and AdamW's own names."""


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    step: int
    """Steps that were made."""
    validated: int = 0
    """The last epoch whose network was validated."""
    best_loss: float | None = None
    """The least validation loss so far."""
    licence: str = ""
    """Of the network that it began with."""


@dataclass(frozen=True)
class StoredState:
    """What a file says of itself before any tensor is read."""

    path: Path
    recipe: dict[str, Any]
    progress: Progress
    scaler: dict[str, float]
    shapes: dict[str, tuple[int, ...]]


def write_training_state(
    path: Path, learner: Learner, progress: Progress, recipe: Mapping[str, Any]
) -> None:
    """Write the state whole or not at all. Raises ResultError."""
    from safetensors.torch import save

    facts = {"progress": asdict(progress), "scaler": _scaler_state(learner), "recipe": dict(recipe)}
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in _tensors(learner).items()}
    metadata = {"format": TRAINING, **{key: json.dumps(value) for key, value in facts.items()}}
    write_bytes(path, save(tensors, metadata=metadata), _WHAT, ResultError)


def read_training_state(path: Path) -> StoredState:
    """Check and parse the header of a state. Raises CheckpointError."""
    keys, types = {"format", "progress", "scaler", "recipe"}, {"F32", "I64"}
    table = read_table(path, _WHAT, TRAINING, keys, types)
    texts = table.texts
    try:
        progress = Progress(**texts["progress"])
        counts = (progress.step, progress.validated)
        loss = progress.best_loss
        sound = (
            all(type(n) is int and 0 <= n < 2**53 for n in counts)
            and (loss is None or (type(loss) is float and math.isfinite(loss)))
            and all(type(n) in (int, float) and 0 <= n < 1e30 for n in texts["scaler"].values())
            and isinstance(progress.licence, str)
            and isinstance(texts["recipe"], dict)
        )
    except (TypeError, AttributeError):
        sound = False
    if not sound:
        raise CheckpointError(f"{_WHAT} {path} is damaged: its metadata does not fit")
    return StoredState(path, texts["recipe"], progress, texts["scaler"], table.shapes)


def restore(learner: Learner, state: StoredState) -> None:
    """Give a learner of the same recipe what is in the file. Raises CheckpointError, and then it
    may be used no more."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = state.path
    parameters = _trained_parameters(learner)
    kept = {key: t.shape for key, t in _network_tensors(learner).items()}
    for name, parameter in parameters.items():  # those without a gradient so far have none
        if f"count/{name}" in state.shapes:
            shapes = (torch.Size(()), parameter.shape, parameter.shape)
            kept |= {f"{p}/{name}": s for p, s in zip(_MOMENTS, shapes, strict=True)}
    check_shapes(path, state.shapes, kept, what=_WHAT)
    try:
        with utf8_name(path) as name:
            tensors = load_file(name)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{_WHAT} {path} is damaged: {printable(error)}") from None
    for key, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise CheckpointError(
                f"{_WHAT} {path} is damaged: tensor {key!r} holds numbers that are not finite"
            )
    with torch.no_grad():
        for key, own in _network_tensors(learner).items():
            own.copy_(tensors[key])
    for name, parameter in parameters.items():
        if f"count/{name}" in tensors:
            moments = {key: tensors[f"{prefix}/{name}"] for prefix, key in _MOMENTS.items()}
            learner.optimizer.state[parameter] = {
                key: tensor if key == "step" else tensor.to(parameter.device)
                for key, tensor in moments.items()
            }
    if learner.scaler.is_enabled():
        learner.scaler.load_state_dict({**learner.scaler.state_dict(), **state.scaler})
    learner.step = state.progress.step


def _scaler_state(learner: Learner) -> dict[str, float]:
    state = learner.scaler.state_dict()
    return {key: state[key] for key in ("scale", "_growth_tracker") if key in state}


def _network_tensors(learner: Learner) -> dict[str, Tensor]:
    nets: dict[str, nn.Module] = {"net": learner.net}
    if learner.mean is not learner.net:
        nets["mean"] = learner.mean
    return {
        f"{prefix}/{key}": tensor
        for prefix, net in nets.items()
        for key, tensor in net.state_dict().items()
    } | {f"begun/{key}": tensor for key, (tensor, _) in learner.begun.items()}


def _trained_parameters(learner: Learner) -> dict[str, nn.Parameter]:
    trained = {id(p) for group in learner.optimizer.param_groups for p in group["params"]}
    return {name: p for name, p in learner.net.named_parameters() if id(p) in trained}


def _tensors(learner: Learner) -> dict[str, Tensor]:
    tensors = _network_tensors(learner)
    for name, parameter in _trained_parameters(learner).items():
        if moments := learner.optimizer.state.get(parameter):
            tensors |= {f"{prefix}/{name}": moments[key] for prefix, key in _MOMENTS.items()}
    return tensors
