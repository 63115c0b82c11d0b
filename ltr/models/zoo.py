"""Networks by name or path: build, check, load."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ltr.checkpoints import NetworkFile, find_network, read_header, read_state
from ltr.errors import CheckpointError, ConfigError, suggestion
from ltr.models.classifier.newton_kl import DivergenceConfig
from ltr.models.classifier.steepest_descent import HingeConfig, LearnedConfig
from ltr.models.tracker_net import NetworkConfig, TrackerNet
from ltr.published import Constructor, PublishedFile, is_published_name, read_published
from ltr.settings import from_dict

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
"""The published networks, as their authors trained them. `TrackerNet(NETWORKS[name])` is one before training."""

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


def load_network(name_or_path: str | os.PathLike[str], architecture: str | None = None) -> TrackerNet:
    """The network of a file or a name, in evaluation mode; what `open_network` notes is warned of.

    Raises CheckpointError, or ConfigError for an unknown name."""
    loaded = open_network(name_or_path, architecture)
    for note in loaded.notes:
        warnings.warn(f"{os.fspath(name_or_path)}: {note}", stacklevel=2)
    return loaded.net


def open_network(name_or_path: str | os.PathLike[str], architecture: str | None = None) -> LoadedNetwork:
    """The network of a name, of a file of ours (.safetensors), or of a published one (.pth, .pth.tar), which is read
    without executing what it holds. `architecture`, a key of NETWORKS, says what a published file without a record of
    its construction holds. Raises CheckpointError, or ConfigError for an unknown name."""
    if is_published_name(name_or_path):
        return _from_published(Path(name_or_path), architecture)
    if architecture is not None:
        raise ConfigError(f"{os.fspath(name_or_path)} says itself what it is: an architecture is for .pth files only")
    file = find_network(name_or_path, PUBLISHED_FILES)
    header = read_header(file.path)
    net = _built(file, {**_LATER_FIELDS, **header.config})
    net.load_state_dict(read_state(file, stored_tensors(net)), strict=False)
    return LoadedNetwork(net.eval(), file.preset or str(header.card.get("preset", "")), ())


_LATER_FIELDS = {"initializer": "none", "filter_optimizer": vars(HingeConfig()), "box_head": "none"}
"""What files mean that were written before these fields existed."""


def _built(file: NetworkFile, config: Mapping[str, Any]) -> TrackerNet:
    try:
        return TrackerNet(from_dict(NetworkConfig, config, f" in network file {file.path}"))
    except (ConfigError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"network file {file.path} has a configuration that cannot be built: {error}") from None


def _from_published(path: Path, architecture: str | None) -> LoadedNetwork:
    file = read_published(path)
    name = architecture or _architecture(file.constructor, path)
    if name not in NETWORKS:
        raise ConfigError(f"unknown architecture {name!r}: {suggestion(name, NETWORKS)}")
    config, notes = _published_config(NETWORKS[name], file.constructor)
    try:
        net = TrackerNet(config)
    except (ValueError, RuntimeError) as error:
        raise CheckpointError(f"network file {path} has a configuration that cannot be built: {error}") from None
    dropped = _load_strictly(net, file, path)
    if dropped:
        notes.insert(0, f"dropped the {dropped} tensors of layer4 and fc, which no tracker of this family uses")
    if file.unknown:
        notes.append(f"left unread what it holds of the classes {', '.join(file.unknown)}")
    return LoadedNetwork(net.eval(), name, tuple(notes))


def _load_strictly(net: TrackerNet, file: PublishedFile, path: Path) -> int:
    """Load the state, which must fit exactly; returns how many unused tensors were dropped."""
    unused = ("feature_extractor.layer4.", "feature_extractor.fc.")
    state = {key: tensor for key, tensor in _without_counters(file.state.items()) if not key.startswith(unused)}
    expected = stored_tensors(net)
    for problem, keys in (
        ("lacks", [key for key in expected if key not in state]),
        ("has the unknown", [key for key in state if key not in expected]),
    ):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise CheckpointError(f"network file {path} {problem} tensor {keys[0]!r}{more}: it is of another network")
    for key, tensor in expected.items():
        if state[key].shape != tensor.shape:
            raise CheckpointError(
                f"network file {path}: tensor {key!r} has shape {list(state[key].shape)}, not {list(tensor.shape)}"
            )
        if not state[key].isfinite().all():
            raise CheckpointError(f"network file {path} is damaged: tensor {key!r} holds numbers that are not finite")
    net.load_state_dict({key: tensor.float() for key, tensor in state.items()}, strict=False)
    return sum(key.startswith(unused) for key, _ in _without_counters(file.state.items()))


def _architecture(constructor: Constructor | None, path: Path) -> str:
    """The name in NETWORKS of what a constructor builds."""
    if constructor is None:
        raise CheckpointError(
            f"network file {path} does not say how it was built: name it, for example --as dimp50 "
            f"(known: {', '.join(NETWORKS)})"
        )
    names = {
        "dimpnet18": "dimp18",
        "dimpnet50": "dimp50",
        "klcedimpnet18": "prdimp18",
        "klcedimpnet50": "prdimp50",
        "dimpnet50_simple": "super_dimp_simple",
    }
    if constructor.function not in names:
        raise CheckpointError(
            f"network file {path} was built by {constructor.function!r}, which is not among the known: "
            f"{', '.join(names)}"
        )
    wider = abs(constructor.keywords.get("init_gauss_sigma", 0.9) - SUPER_SIGMA) < 1e-3
    # SuperDiMP has the constructor of DiMP-50; its labels were wider, and part of its trunk was frozen
    if constructor.function == "dimpnet50" and (wider or constructor.keywords.get("frozen_backbone_layers")):
        return "super_dimp"
    return names[constructor.function]


_NETWORK_KEYWORDS = {"filter_size": "filter_size", "clf_feat_blocks": "feature_blocks", "out_feature_dim": "channels"}
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
_TRAINING_ONLY = {"backbone_pretrained", "optim_iter", "frozen_backbone_layers", "init_initializer", "act_param"}


def _published_config(config: NetworkConfig, constructor: Constructor | None) -> tuple[NetworkConfig, list[str]]:
    """`config` with what the file says of its construction, and what had to be assumed."""
    if constructor is None:
        return config, ["took the published settings of its name, for it does not say how it was built"]
    network: dict[str, Any] = {}
    optimizer: dict[str, Any] = {}
    known = vars(config.filter_optimizer)
    notes = []
    for keyword, value in constructor.keywords.items():
        if keyword in _NETWORK_KEYWORDS:
            network[_NETWORK_KEYWORDS[keyword]] = value
        elif _OPTIMIZER_KEYWORDS.get(keyword) in known:
            optimizer[_OPTIMIZER_KEYWORDS[keyword]] = value
        elif keyword in _ONLY_VALUE:
            if (list(value) if isinstance(value, (list, tuple)) else value) != _ONLY_VALUE[keyword]:
                raise CheckpointError(f"a network with {keyword} = {value!r} is not built here, and none is published")
        elif keyword not in _TRAINING_ONLY:
            notes.append(f"took the published settings for the unknown keyword {keyword!r}")
    try:
        settings = from_dict(type(config.filter_optimizer), {**known, **optimizer}, "")
        return from_dict(NetworkConfig, {**vars(config), **network, "filter_optimizer": vars(settings)}, ""), notes
    except ConfigError as error:
        raise CheckpointError(f"the record of the network's construction is damaged: {error}") from None


def stored_tensors(net: TrackerNet) -> dict[str, Tensor]:
    """The part of a network's state that a file holds: all but the counters of the batch norms."""
    return dict(_without_counters(net.state_dict().items()))


def _without_counters(items: Iterable[tuple[str, Tensor]]) -> Iterable[tuple[str, Tensor]]:
    return ((key, tensor) for key, tensor in items if not key.endswith("num_batches_tracked"))
