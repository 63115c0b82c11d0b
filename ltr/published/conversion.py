"""From a published file to a network of ours: the record of its construction becomes a
configuration, and its tensors must be exactly those that it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from ltr.checkpoints import check_shapes, finite_float32
from ltr.errors import CheckpointError, ConfigError
from ltr.models.stored_config import network_config
from ltr.models.tracker_net import NetworkConfig, is_counter
from ltr.models.zoo import NETWORKS, SUPER_SIGMA
from ltr.published.contents import Constructor, PublishedFile
from ltr.settings import as_dict


class Construction(NamedTuple):
    """What a published file says of its network."""

    name: str
    """Its key in NETWORKS, and the preset that goes with it."""
    config: NetworkConfig
    notes: tuple[str, ...]
    """What had to be assumed, a line each."""


def construction(file: PublishedFile, architecture: str | None, path: Path) -> Construction:
    """Which network a published file holds. `architecture`, a key of NETWORKS, goes before what the
    file says. Raises CheckpointError where nothing known was said, or what cannot be."""
    name = architecture or _architecture(file.constructor, path)
    config, notes = _configuration(NETWORKS[name], file.constructor, path)
    if file.unknown:
        notes.append(f"left unread what it holds of the classes {_listing(file.unknown)}")
    return Construction(name, config, tuple(notes))


def strict_state(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], path: Path
) -> tuple[dict[str, Tensor], int]:
    """The tensors of a published file as float32, and how many unused ones were dropped.

    They must be exactly those of `expected`, the network's own, by key and shape; of them only the
    shapes are looked at, and the counters of batch norms may be absent. Raises CheckpointError."""
    stored = {key: tensor for key, tensor in expected.items() if not is_counter(key)}
    used = {
        key: tensor
        for key, tensor in state.items()
        if not key.startswith(_UNUSED) and not (is_counter(key) and key in expected)
    }
    check_shapes(path, *({key: t.shape for key, t in part.items()} for part in (used, stored)))
    dropped = sum(key.startswith(_UNUSED) and not is_counter(key) for key in state)
    return finite_float32(path, used), dropped


def _listing(names: Sequence[str]) -> str:
    """Names that a file gave, shortened: they stand in one line of a message."""
    shown = [repr(name[:60]) for name in names[:5]]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


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
            f"the known: {', '.join(_FUNCTIONS)}"
        )
    sigma = constructor.keywords.get("init_gauss_sigma")
    wider = isinstance(sigma, float) and abs(sigma - SUPER_SIGMA) < 1e-3
    # SuperDiMP has DiMP-50's constructor; its labels were wider, and part of its trunk was frozen
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
_BOX_HEAD_KEYWORDS = {"iou_input_dim": "channels", "iou_inter_dim": "hidden"}
_ONLY_VALUE = {
    "score_act": "relu",
    "target_mask_act": "sigmoid",
    "clf_feat_norm": True,
    "final_conv": True,
    "final_relu": False,
    "init_filter_norm": False,
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


def _configuration(
    config: NetworkConfig, constructor: Constructor | None, path: Path
) -> tuple[NetworkConfig, list[str]]:
    """`config` with what the file says of its construction, and what had to be assumed."""
    if constructor is None:
        return config, [
            "took the published settings of its name, for it does not say how it was built"
        ]
    network: dict[str, Any] = {}
    optimizer: dict[str, Any] = {}
    box_head: dict[str, Any] = {}
    known = as_dict(config.filter_optimizer)
    unknown = [f"argument {number}" for number in range(1, len(constructor.arguments) + 1)]
    for keyword, value in constructor.keywords.items():
        if keyword in _NETWORK_KEYWORDS:
            network[_NETWORK_KEYWORDS[keyword]] = value
        elif _OPTIMIZER_KEYWORDS.get(keyword) in known:
            optimizer[_OPTIMIZER_KEYWORDS[keyword]] = value
        elif keyword in _BOX_HEAD_KEYWORDS:
            box_head[_BOX_HEAD_KEYWORDS[keyword]] = value
        elif keyword in _ONLY_VALUE:
            if value != _ONLY_VALUE[keyword]:
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
            f"{_listing(unknown)}"
        )
    if absent:
        notes.append(
            "took the published settings, for the record of its construction lacks "
            f"{_listing(absent)}"
        )
    tree = {
        **as_dict(config),
        **network,
        "filter_optimizer": {**known, **optimizer},
        "box_head": {**as_dict(config.box_head), **box_head},
    }
    try:
        return network_config(tree), notes
    except ConfigError as error:
        raise CheckpointError(
            f"network file {path} has a record of its construction that cannot be: {error}"
        ) from None
