"""Which parameters are trained, and when."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ltr.errors import ConfigError, suggestion
from ltr.training.recipe import ParameterGroup, Recipe
from ltr.training.schedule import first_step


def group_of_each(net: nn.Module, groups: Sequence[ParameterGroup]) -> dict[str, int]:
    """Parameter name -> the group that names it, the one with the longest beginning where several
    do. Those that no group names are not there. Raises ConfigError for a beginning that no
    parameter's name has."""
    names = [name for name, _ in net.named_parameters()]
    beginnings = [(part, k) for k, group in enumerate(groups) for part in group.parameters]
    found: dict[str, int] = {}
    for part, index in sorted(beginnings, key=lambda entry: len(entry[0])):
        own = [name for name in names if name.startswith(part)]
        if not own:
            known = {name[: end + 1] for name in names for end, c in enumerate(name) if c == "."}
            raise ConfigError(
                f"groups.{index}.parameters: the network has none whose names begin with {part!r}: "
                f"{suggestion(part, known)}"
            )
        found.update(dict.fromkeys(own, index))
    return {name: found[name] for name in names if name in found}


def beginnings(net: nn.Module, groups: Sequence[ParameterGroup]) -> dict[str, tuple[Tensor, float]]:
    """Of tensors in groups whose share is below 1: what they are now, and the share. Buffers are in
    the group of their module's parameters."""
    of_each = group_of_each(net, groups)
    of_modules = {name.rpartition(".")[0]: index for name, index in of_each.items()}
    shares = {
        key: groups[of_each.get(key, of_modules[key.rpartition(".")[0]])].share
        for key, tensor in net.state_dict().items()
        if key.rpartition(".")[0] in of_modules and tensor.is_floating_point()
    }
    state = net.state_dict()
    return {key: (state[key].clone(), share) for key, share in shares.items() if share < 1}


def optimizer_of(net: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over the parameters that are trained some time, whose decay spares vectors: biases and
    batch norms. The entry `group` of its groups is the number of the recipe's. Raises ConfigError
    where nothing is trained."""
    groups, parameters = group_of_each(net, recipe.groups), dict(net.named_parameters())
    if not groups:
        raise ConfigError("groups is empty, so that nothing is trained: name parameters in groups")
    rows = []
    for k, group in enumerate(recipe.groups):
        own = [parameters[name] for name, index in groups.items() if index == k]
        for matrices, decay in ((True, group.weight_decay), (False, 0.0)):
            chosen = [parameter for parameter in own if (parameter.dim() > 1) == matrices]
            rows.append({"params": chosen, "weight_decay": decay, "group": k})
    return torch.optim.AdamW(rows)


def begun(recipe: Recipe, step: int) -> tuple[bool, ...]:
    """Of each group, whether it is trained in a step."""
    return tuple(step >= first_step(recipe, group.begin) for group in recipe.groups)


def set_trained(net: nn.Module, recipe: Recipe, now: Sequence[bool]) -> None:
    """Record gradients of the parameters whose group is trained `now`, and learn the batch
    statistics of the modules that they are in; all else stays as it is, bit for bit."""
    groups = group_of_each(net, recipe.groups)
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    norms = {name for name, module in net.named_modules() if isinstance(module, kinds)}
    for name, parameter in net.named_parameters():
        trained = name in groups and now[groups[name]]
        if trained and name.rpartition(".")[0] in norms:
            trained = recipe.groups[groups[name]].batch_norms
        parameter.requires_grad_(trained)
        if not parameter.requires_grad:
            parameter.grad = None
    for module in net.modules():
        module.training = any(parameter.requires_grad for parameter in module.parameters())
