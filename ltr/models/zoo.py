"""Networks by name or path: build, check, load, convert."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ltr.checkpoints import (
    NetworkFile,
    find_network,
    read_header,
    read_state,
    sha256_of,
    user_folder,
    write_network,
)
from ltr.errors import CheckpointError, ConfigError, suggestion
from ltr.models.classifier.newton_kl import DivergenceConfig
from ltr.models.classifier.steepest_descent import HingeConfig, LearnedConfig
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.published import Constructor, is_published_name, read_published
from ltr.settings import as_dict, from_dict

SUPER_SIGMA = 22 * 0.25 / 6
_SMALL = NetworkConfig("resnet18", 1, 3, 256, 4, "pooled", LearnedConfig(), "energy")
_LARGE = replace(_SMALL, trunk="resnet50", feature_blocks=0, channels=512)
_DENSITY: dict[str, Any] = {"initializer": "pooled_zero", "filter_optimizer": DivergenceConfig()}

NETWORKS: dict[str, NetworkConfig] = {
    "dimp18": _SMALL,
    "dimp50": _LARGE,
    "prdimp18": replace(_SMALL, **_DENSITY),
    "prdimp50": replace(_LARGE, **_DENSITY),
    "super_dimp": replace(_LARGE, filter_optimizer=LearnedConfig(label_sigma=SUPER_SIGMA)),
    "super_dimp_simple": replace(_LARGE, filter_optimizer=HingeConfig(filter_reg=0.1)),
}
"""The published networks, as their authors trained them. `TrackerNet(NETWORKS[name])` is one before
training."""

PUBLISHED_FILES: dict[str, str] = {
    "dimp18": "dimp18.pth",
    "dimp50": "dimp50.pth",
    "prdimp18": "prdimp18.pth.tar",
    "prdimp50": "prdimp50.pth.tar",
    "super_dimp": "super_dimp.pth.tar",
    "super_dimp_simple": "super_dimp_simple.pth.tar",
}
"""Under which name the authors of pytracking publish each."""


class LoadedNetwork(NamedTuple):
    """A network and what its file says of it."""

    net: TrackerNet
    preset: str
    """The preset that goes with it, or ""."""
    notes: tuple[str, ...]
    """What was dropped or assumed while reading, a line each."""


def load_network(
    name_or_path: str | os.PathLike[str], architecture: str | None = None
) -> TrackerNet:
    """The network of a file or a name, in evaluation mode; what `open_network` notes is warned of.

    Raises CheckpointError, or ConfigError for an unknown name."""
    loaded = open_network(name_or_path, architecture)
    for note in loaded.notes:
        warnings.warn(f"{os.fspath(name_or_path)}: {note}", stacklevel=2)
    return loaded.net


def open_network(
    name_or_path: str | os.PathLike[str], architecture: str | None = None
) -> LoadedNetwork:
    """The network of a name, of a file of ours (.safetensors), or of a published one (.pth,
    .pth.tar), which is read without executing what it holds. `architecture`, a key of NETWORKS,
    says what a published file without a record of its construction holds. Raises CheckpointError,
    or ConfigError for an unknown name."""
    if architecture is not None and architecture not in NETWORKS:
        raise ConfigError(
            f"unknown architecture {architecture!r}: {suggestion(architecture, NETWORKS)}"
        )
    if is_published_name(name_or_path):
        return _from_published(Path(name_or_path), architecture)
    if architecture is not None:
        raise ConfigError(
            f"{os.fspath(name_or_path)} says itself what it is: an architecture is for .pth files "
            "only"
        )
    file = find_network(name_or_path, PUBLISHED_FILES)
    header = read_header(file.path)
    net = _built(file, {**_LATER_FIELDS, **header.config})
    net.load_state_dict(read_state(file, stored_tensors(net)), strict=False)
    return LoadedNetwork(net.eval(), file.preset, ())


def convert(old: Path, new: Path, architecture: str | None = None) -> LoadedNetwork:
    """Write the published file `old` as `new`, a file of ours (.safetensors) with the same numbers,
    and its preset and origin in its card. Returns what was written. `architecture` as in
    `open_network`.

    The user's data folder is made where it is missing, no other. Raises CheckpointError or
    ConfigError, and then nothing was written; what is there is never replaced."""
    if not is_published_name(old):
        raise ConfigError(
            f"{old} is not named as published networks are: give a .pth, .pth.tar, .pt or .tar file"
        )
    if new.suffix != ".safetensors":
        raise ConfigError(
            f"{new} cannot be the converted file: give it a name that ends in .safetensors"
        )
    if os.path.lexists(new):
        raise ConfigError(f"{new} is there already: give another name, or remove it first")
    if not os.path.isdir(new.parent) and new.parent.absolute() != user_folder().absolute():
        raise ConfigError(
            f"folder {new.parent} does not exist: make it first, or give another place for "
            f"{new.name}"
        )
    loaded = open_network(old, architecture)
    card = {
        "summary": f"converted from {old.name}",
        "preset": loaded.preset,
        "source": old.name,
        "source_sha256": sha256_of(old),
        "licence": "its authors'",
        **({"notes": "; ".join(loaded.notes)} if loaded.notes else {}),
    }
    try:
        new.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot make folder {new.parent}: {error.strerror or error}"
        ) from None
    write_network(new, stored_tensors(loaded.net), as_dict(loaded.net.config), card, half=False)
    return loaded


_LATER_FIELDS = {"initializer": "none", "filter_optimizer": vars(HingeConfig()), "box_head": "none"}
"""What files mean that were written before these fields existed."""


_CANNOT_BE_BUILT = (ConfigError, ValueError, RuntimeError, ArithmeticError)
"""What a configuration may raise, with text nested without end and numbers beyond all floats among
its values."""


def _built(file: NetworkFile, config: Mapping[str, Any]) -> TrackerNet:
    try:
        return TrackerNet(from_dict(NetworkConfig, config, f" in network file {file.path}"))
    except _CANNOT_BE_BUILT as error:
        raise CheckpointError(
            f"network file {file.path} has a configuration that cannot be built: {error}"
        ) from None


def _from_published(path: Path, architecture: str | None) -> LoadedNetwork:
    file = read_published(path)
    name = architecture or _architecture(file.constructor, path)
    config, notes = _published_config(NETWORKS[name], file.constructor, path)
    try:
        net = TrackerNet(config)
    except _CANNOT_BE_BUILT as error:
        raise CheckpointError(
            f"network file {path} has a configuration that cannot be built: {error}"
        ) from None
    dropped = _load_strictly(net, file.state, path)
    if dropped:
        notes.insert(
            0,
            f"dropped the {dropped} tensors of layer4 and fc, which no tracker of this family uses",
        )
    if file.unknown:
        notes.append(f"left unread what it holds of the classes {_listed(file.unknown)}")
    return LoadedNetwork(net.eval(), name, tuple(notes))


def _listed(names: Sequence[str]) -> str:
    """Names that a file gave, shortened: they stand in one line of a message."""
    shown = [repr(name[:60]) for name in names[:5]]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _load_strictly(net: TrackerNet, state: Mapping[str, Tensor], path: Path) -> int:
    """Load the state, which must fit exactly; returns how many unused tensors were dropped."""
    used = {key: tensor for key, tensor in state.items() if not key.startswith(_UNUSED)}
    expected, counters_too = stored_tensors(net), net.state_dict()
    for problem, keys in (
        ("lacks", [key for key in expected if key not in used]),
        ("has the unknown", [key for key in used if key not in counters_too]),
    ):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise CheckpointError(
                f"network file {path} {problem} tensor {keys[0][:80]!r}{more}: it is of another "
                "network"
            )
    numbers = {key: used[key].float() for key in expected}
    for key, tensor in expected.items():
        if numbers[key].shape != tensor.shape:
            raise CheckpointError(
                f"network file {path}: tensor {key!r} has shape {list(numbers[key].shape)}, not "
                f"{list(tensor.shape)}"
            )
        if not numbers[key].isfinite().all():
            raise CheckpointError(
                f"network file {path} is damaged: tensor {key!r} holds numbers that are not finite"
            )
    net.load_state_dict(numbers, strict=False)
    return sum(key.startswith(_UNUSED) for key, _ in _without_counters(state.items()))


_UNUSED = ("feature_extractor.layer4.", "feature_extractor.fc.")
"""Parts of the trunk that the published files hold, and no forward pass reaches."""
_FUNCTIONS = {
    "dimpnet18": "dimp18",
    "dimpnet50": "dimp50",
    "klcedimpnet18": "prdimp18",
    "klcedimpnet50": "prdimp50",
    "dimpnet50_simple": "super_dimp_simple",
}


def _architecture(constructor: Constructor | None, path: Path) -> str:
    """The name in NETWORKS of what a constructor builds."""
    if constructor is None:
        raise CheckpointError(
            f"network file {path} does not say how it was built: give its architecture, as in "
            f"`ltr convert OLD NEW --as dimp50` (known: {', '.join(NETWORKS)})"
        )
    if constructor.function not in _FUNCTIONS:
        raise CheckpointError(
            f"network file {path} was built by {constructor.function[:80]!r}, which is not among "
            "the known: "
            f"{', '.join(_FUNCTIONS)}"
        )
    sigma = constructor.keywords.get("init_gauss_sigma")
    wider = isinstance(sigma, float) and abs(sigma - SUPER_SIGMA) < 1e-3
    # SuperDiMP has the constructor of DiMP-50; its labels were wider, and part of its trunk was
    # frozen
    if constructor.function == "dimpnet50" and (
        wider or constructor.keywords.get("frozen_backbone_layers")
    ):
        return "super_dimp"
    return _FUNCTIONS[constructor.function]


_NETWORK_KEYWORDS = {
    "filter_size": "filter_size",
    "clf_feat_blocks": "feature_blocks",
    "out_feature_dim": "channels",
}
_OPTIMIZER_KEYWORDS = {
    "num_dist_bins": "bins",
    "bin_displacement": "displacement",
    "mask_init_factor": "mask_factor",
    "init_gauss_sigma": "label_sigma",
    "gauss_sigma": "label_sigma",
    "optim_init_step": "step_length",
    "optim_init_reg": "filter_reg",
    "optim_min_reg": "min_filter_reg",
    "alpha_eps": "damping",
    "normalize_label": "normalise",
    "label_shrink": "shrink",
    "label_threshold": "threshold",
    "init_uni_weight": "uniform",
    "softmax_reg": "extra_logit",
    "hinge_threshold": "threshold",
    "activation_leak": "leak",
}
_ONLY_VALUE = {
    "score_act": "relu",
    "target_mask_act": "sigmoid",
    "clf_feat_norm": True,
    "final_conv": True,
    "final_relu": False,
    "init_filter_norm": False,
    "iou_input_dim": [256, 256],
    "iou_inter_dim": [256, 256],
}
"""Keywords that no published network has otherwise, and no other value is built here."""
_TRAINING_ONLY = {
    "backbone_pretrained",
    "optim_iter",
    "frozen_backbone_layers",
    "init_initializer",
    "act_param",
}
_NOT_IN_WEIGHTS = {
    "learned": ("filter_size", "bin_displacement"),
    "kl": ("filter_size", "gauss_sigma", "alpha_eps", "optim_min_reg", "normalize_label"),
    "hinge": ("filter_size", "hinge_threshold", "activation_leak"),
}
"""Keywords, by the kind of the optimizer, without which the published settings are a guess that no
shape checks."""


def _published_config(
    config: NetworkConfig, constructor: Constructor | None, path: Path
) -> tuple[NetworkConfig, list[str]]:
    """`config` with what the file says of its construction, and what had to be assumed."""
    if constructor is None:
        return config, [
            "took the published settings of its name, for it does not say how it was built"
        ]
    network: dict[str, Any] = {}
    optimizer: dict[str, Any] = {}
    known = vars(config.filter_optimizer)
    unknown = [f"argument {number}" for number in range(1, len(constructor.arguments) + 1)]
    for keyword, value in constructor.keywords.items():
        if keyword in _NETWORK_KEYWORDS:
            network[_NETWORK_KEYWORDS[keyword]] = value
        elif _OPTIMIZER_KEYWORDS.get(keyword) in known:
            optimizer[_OPTIMIZER_KEYWORDS[keyword]] = value
        elif keyword in _ONLY_VALUE:
            if (list(value) if isinstance(value, (list, tuple)) else value) != _ONLY_VALUE[keyword]:
                raise CheckpointError(
                    f"network file {path} was built with {keyword} = {repr(value)[:80]}: only "
                    f"{_ONLY_VALUE[keyword]!r} can be built here, which all published networks have"
                )
        elif keyword not in _TRAINING_ONLY:
            unknown.append(keyword)
    absent = [
        keyword for keyword in _NOT_IN_WEIGHTS[known["kind"]] if keyword not in constructor.keywords
    ]
    notes = []
    if unknown:
        notes.append(
            "took the published settings, for the record of its construction has unknown "
            f"{_listed(unknown)}"
        )
    if absent:
        notes.append(
            "took the published settings, for the record of its construction lacks "
            f"{_listed(absent)}"
        )
    try:
        settings = from_dict(type(config.filter_optimizer), {**known, **optimizer}, "")
        return from_dict(
            NetworkConfig, {**vars(config), **network, "filter_optimizer": vars(settings)}, ""
        ), notes
    except _CANNOT_BE_BUILT as error:
        raise CheckpointError(
            f"network file {path} has a record of its construction that cannot be: "
            f"{str(error)[:200]}"
        ) from None


def stored_tensors(net: TrackerNet) -> dict[str, Tensor]:
    """The part of a network's state that a file holds: all but the counters of the batch norms."""
    return dict(_without_counters(net.state_dict().items()))


def _without_counters(items: Iterable[tuple[str, Tensor]]) -> Iterable[tuple[str, Tensor]]:
    return ((key, tensor) for key, tensor in items if not key.endswith("num_batches_tracked"))
