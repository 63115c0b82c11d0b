"""The published networks, one of each seed, their weights in stacked tensors.

Features of x are two layers of ReLU. The predictor joins them with a layer or two on y and has
residual layers; its forward pass and backward pass are written out, since it is nearly all of the
time: for each of M points an example, two tiny products. A mixture has three branches on the
features: means, logarithms of variances and logits. "(2020)" is Gustafsson et al., "How to Train
Your Energy-Based Model for Regression", "(2022)" their "Learning Proposals for Practical
Energy-Based Regression".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.init import kaiming_uniform_

from ltr.ebm.mixture import MixtureDensity

WIDTH = 10
Weights = dict[str, Tensor]
"""By name: matrices (S, outputs, inputs) and biases (S, outputs, 1)."""


@dataclass(frozen=True)
class Predictor:
    """What the part is like that scores a y."""

    activation: Literal["tanh", "relu"]
    target_layers: int
    """On y alone."""
    residual_layers: int


PREDICTOR_2020 = Predictor("tanh", 1, 2)
PREDICTOR_2022 = Predictor("relu", 2, 1)


@dataclass(frozen=True)
class Architecture:
    """A network: features, and a predictor, a mixture or both on them."""

    predictor: Predictor | None
    components: int = 0
    """Of the mixture; 0: there is none."""
    teacher: bool = False
    """Whether the predictor has features of its own: then it teaches the mixture, which answers."""

    def layers(self) -> dict[str, tuple[int, int]]:
        """Outputs and inputs of each layer, by name, in the order of their first weights."""
        sizes = {"feature.fc1_x": (WIDTH, 1), "feature.fc2_x": (WIDTH, WIDTH)}
        if self.components:
            for part in ("mean", "sigma", "weight"):
                sizes[f"noise.fc1_{part}"] = (WIDTH, WIDTH)
                sizes[f"noise.fc2_{part}"] = (self.components, WIDTH)
        if self.predictor is None:
            return sizes
        if self.teacher:
            sizes |= {"teacher.fc1_x": (WIDTH, 1), "teacher.fc2_x": (WIDTH, WIDTH)}
        for layer in range(self.predictor.target_layers):
            sizes[f"predictor.fc{layer + 1}_y"] = (WIDTH, WIDTH if layer else 1)
        sizes["predictor.fc1_xy"] = (WIDTH, 2 * WIDTH)
        for layer in range(self.predictor.residual_layers):
            sizes[f"predictor.fc{layer + 2}_xy"] = (WIDTH, WIDTH)
        sizes[f"predictor.fc{self.predictor.residual_layers + 2}_xy"] = (1, WIDTH)
        return sizes

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Of the matrices and biases of a seed, by name."""
        found: dict[str, tuple[int, int]] = {}
        for name, (outputs, inputs) in self.layers().items():
            found |= {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs, 1)}
        return found


def initial_weights(architecture: Architecture, generators: Sequence[torch.Generator]) -> Weights:
    """Weights and biases within 1 / sqrt(inputs), as `torch.nn.Linear` draws them, those of each
    seed by its own generator."""
    weights = {}
    for name, (outputs, inputs) in architecture.layers().items():
        matrix = torch.empty(len(generators), outputs, inputs)
        bias = torch.empty(len(generators), outputs, 1)
        for seed, generator in enumerate(generators):
            kaiming_uniform_(matrix[seed], a=math.sqrt(5), generator=generator)
            bound = 1 / math.sqrt(inputs)
            bias[seed].uniform_(-bound, bound, generator=generator)
        weights[f"{name}.weight"], weights[f"{name}.bias"] = matrix, bias
    return weights


def features(weights: Weights, x: Tensor, whose: str = "feature") -> Tensor:
    """(S, WIDTH, B) of x (S, B); those of a "teacher" are its own."""
    hidden = _layer(weights, f"{whose}.fc1_x", x[:, None]).relu()
    return _layer(weights, f"{whose}.fc2_x", hidden).relu()


def mixture(weights: Weights, feature: Tensor) -> MixtureDensity:
    """The mixtures of S B examples, of features (S, WIDTH, B)."""

    def branch(name: str) -> Tensor:
        hidden = _layer(weights, f"noise.fc1_{name}", feature).relu()
        return _layer(weights, f"noise.fc2_{name}", hidden).mT.flatten(0, 1)  # (S B, K)

    log_sigmas = branch("sigma")[..., None] / 2
    return MixtureDensity(branch("weight"), branch("mean")[..., None], log_sigmas)


def scores(
    predictor: Predictor, weights: Weights, feature: Tensor, points: Tensor, buffers: Buffers
) -> Tensor:
    """Scores (S, B, M) of points (S, B, M), of features (S, WIDTH, B). Gradients of any input, once
    and not theirs again: `smooth_scores` has these."""
    seeds, examples, count = points.shape
    columns = points.reshape(seeds, 1, examples * count)
    context, on_y = _joined(weights, feature)
    inner, last = _inner(predictor, weights)
    result = _Scores.apply(predictor, buffers, columns, context, on_y, *inner, *last)
    return result.view_as(points)


def smooth_scores(
    predictor: Predictor, weights: Weights, feature: Tensor, points: Tensor
) -> Tensor:
    """The same in plain operations, which can be differentiated again and again."""
    seeds, examples, count = points.shape
    act = torch.tanh if predictor.activation == "tanh" else torch.relu
    values = points.reshape(seeds, 1, examples * count)
    context, on_y = _joined(weights, feature)
    inner, last = _inner(predictor, weights)
    for layer in range(predictor.target_layers):
        values = act(torch.baddbmm(inner[2 * layer + 1], inner[2 * layer], values))
    joint = (on_y @ values).view(seeds, WIDTH, examples, count) + context[..., None]
    values = act(joint).flatten(2)
    for layer in range(predictor.target_layers, len(inner) // 2):
        values = act(torch.baddbmm(inner[2 * layer + 1], inner[2 * layer], values)) + values
    return torch.baddbmm(last[1], last[0], values).view_as(points)


def _layer(weights: Weights, name: str, values: Tensor) -> Tensor:
    return torch.baddbmm(weights[f"{name}.bias"], weights[f"{name}.weight"], values)


def _joined(weights: Weights, feature: Tensor) -> tuple[Tensor, Tensor]:
    """What the features bring to the layer that joins both, and its weights on y."""
    matrix = weights["predictor.fc1_xy.weight"]
    on_x, on_y = matrix.split(WIDTH, dim=-1)
    return torch.baddbmm(weights["predictor.fc1_xy.bias"], on_x, feature), on_y


def _inner(predictor: Predictor, weights: Weights) -> tuple[list[Tensor], list[Tensor]]:
    """Matrices and biases of the layers on y and of the residual ones; those of the last."""
    names = [f"predictor.fc{k + 1}_y" for k in range(predictor.target_layers)]
    names += [f"predictor.fc{k + 2}_xy" for k in range(predictor.residual_layers)]
    last = f"predictor.fc{predictor.residual_layers + 2}_xy"
    inner = [weights[f"{name}.{part}"] for name in names for part in ("weight", "bias")]
    return inner, [weights[f"{last}.weight"], weights[f"{last}.bias"]]


class Buffers:
    """Memory that is used again and again: fresh pages cost as much as the products."""

    def __init__(self) -> None:
        self._free: dict[tuple[torch.Size, torch.dtype], list[Tensor]] = {}

    def take(self, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """One that nobody uses, of whatever content."""
        free = self._free.get((shape, dtype))
        return free.pop() if free else torch.empty(shape, dtype=dtype)

    def give(self, *buffers: Tensor) -> None:
        """They are used no longer."""
        for buffer in buffers:
            self._free.setdefault((buffer.shape, buffer.dtype), []).append(buffer)


@dataclass(frozen=True)
class _Folded:
    """An activation whose scale and shift are folded into the weights around it: what is computed
    and kept is u, the activation is `scale` u - `shift`; tanh(v) = 2 sigmoid(2 v) - 1 takes a third
    of the time of tanh. A sum of n activations is `scale` (u_1 + ...) - n `shift`."""

    scale: int
    shift: int
    slope: int
    """The derivative in v is `slope` times what `below` multiplies by."""
    apply: Callable[[Tensor], Tensor]
    """Of `scale` v, in place."""
    below: Callable[[Tensor, Tensor, Tensor], Tensor]
    """(gradient, u, where it is written) -> gradient."""


_aten = torch.ops.aten
_FOLDED = {
    "tanh": _Folded(
        2, 1, 4, torch.sigmoid_, lambda g, u, d: _aten.sigmoid_backward(g, u, grad_input=d)
    ),
    "relu": _Folded(
        1, 0, 1, torch.relu_, lambda g, u, d: _aten.threshold_backward(g, u, 0, grad_input=d)
    ),
}


class _Scores(torch.autograd.Function):
    """Of columns (S, 1, B M), a context (S, WIDTH, B) and the weights."""

    @staticmethod
    def forward(
        ctx: Any,
        predictor: Predictor,
        buffers: Buffers,
        columns: Tensor,
        context: Tensor,
        on_y: Tensor,
        *weights: Tensor,
    ) -> Tensor:
        form = _FOLDED[predictor.activation]
        shape = torch.Size((len(columns), WIDTH, columns.shape[-1]))

        def take() -> Tensor:
            return buffers.take(shape, columns.dtype)

        def layer(matrix: Tensor, bias: Tensor, values: Tensor, terms: int) -> Tensor:
            """The activation of W v + b, of values that are sums of so many terms."""
            scale = form.scale**2 if terms else form.scale  # 0: y itself
            shifted = bias - terms * form.shift * matrix.sum(-1, keepdim=True)
            result = torch.baddbmm(form.scale * shifted, scale * matrix, values, out=take())
            return form.apply(result)

        values, kept = columns, []
        for k in range(predictor.target_layers):
            kept.append(values)
            values = layer(weights[2 * k], weights[2 * k + 1], values, min(k, 1))
        kept.append(values)
        values = torch.bmm(form.scale**2 * on_y, values, out=take())
        shifted = context - form.shift * on_y.sum(-1, keepdim=True)
        values.view(*context.shape, -1).add_(shifted[..., None], alpha=form.scale)
        values = form.apply(values)
        for r in range(predictor.residual_layers):
            k = 2 * (predictor.target_layers + r)
            branch = layer(weights[k], weights[k + 1], values, r + 1)
            kept += [values, branch]
            values = torch.add(branch, values, out=take())
        kept.append(values)
        # the buffers are not `saved`: they are ours, and overwritten as soon as they were used
        ctx.predictor, ctx.buffers, ctx.shape, ctx.kept = predictor, buffers, context.shape, kept
        ctx.save_for_backward(on_y, *weights)
        terms = (predictor.residual_layers + 1) * form.shift
        shifted = weights[-1] - terms * weights[-2].sum(-1, keepdim=True)
        result = torch.baddbmm(shifted, form.scale * weights[-2], values)
        if not any(ctx.needs_input_grad):
            buffers.give(*kept[1:])
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        predictor, buffers, kept = ctx.predictor, ctx.buffers, ctx.kept
        on_y, *weights = ctx.saved_tensors
        form, count = _FOLDED[predictor.activation], len(weights)
        found: list[Tensor | None] = [None] * count
        train = ctx.needs_input_grad[4]
        flow, below = (buffers.take(kept[-1].shape, kept[-1].dtype) for _ in range(2))

        def of_matrix(gradient: Tensor, summed: Tensor, values: Tensor, terms: int) -> Tensor:
            product = torch.bmm(gradient, values.mT)
            return form.scale * product - terms * form.shift * summed if terms else product

        def of_layer(layer: int, gradient: Tensor, values: Tensor, terms: int) -> None:
            if train:
                summed = gradient.sum(-1, keepdim=True)
                found[2 * layer] = of_matrix(gradient, summed, values, terms)
                found[2 * layer + 1] = summed

        layer, terms, values = count // 2 - 1, predictor.residual_layers + 1, kept.pop()
        of_layer(layer, gradient, values, terms)
        buffers.give(values)
        # the gradient of what the layer was given, `slope` times
        torch.bmm(form.slope * weights[2 * layer].mT, gradient, out=flow)
        for _ in range(predictor.residual_layers):
            layer, terms = layer - 1, terms - 1
            branch, values = kept.pop(), kept.pop()
            form.below(flow, branch, below)
            of_layer(layer, below, values, terms)
            flow.baddbmm_(form.slope * weights[2 * layer].mT, below)
            buffers.give(branch, values)
        form.below(flow, values, below)  # the joint layer
        values = kept.pop()
        on_context = below.view(*ctx.shape, -1).sum(-1)
        on_on_y = None
        if train:
            on_on_y = of_matrix(below, on_context.sum(-1, keepdim=True), values, 1)
        torch.bmm(form.slope * on_y.mT, below, out=flow)
        for layer in reversed(range(predictor.target_layers)):
            form.below(flow, values, below)
            buffers.give(values)
            values = kept.pop()
            of_layer(layer, below, values, min(layer, 1))
            if layer:
                torch.bmm(form.slope * weights[2 * layer].mT, below, out=flow)
        on_columns = torch.bmm(weights[0].mT, below) if ctx.needs_input_grad[2] else None
        buffers.give(flow, below)
        return (None, None, on_columns, on_context, on_on_y, *found)
