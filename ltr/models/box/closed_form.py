"""The energy head as the tracker runs it: energies of boxes and their gradient in closed form,
without a graph.

Batch norms are folded, and the modulation multiplies the pooled vectors, which is the same as
multiplying the maps, for pooling is linear: one weight matrix serves all targets.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ltr.ebm.mixture import MixtureDensity
from ltr.geometry import grown
from ltr.models.backbone import Taps
from ltr.models.box.branch import (
    Branch,
    ConditionedBranch,
    FeatureMaps,
    ProposalLayer,
    branch_energies,
    maps_in,
    pooled_values,
)
from ltr.models.box.energy import STRIDES, EnergyHead
from ltr.models.box.mixture import MixtureHead, mixture
from ltr.models.box.window import (
    Convolutions,
    FeatureWindow,
    limits_xy,
    whole_map,
    window_around,
)
from ltr.models.fused_convolution import FusedConvolution
from ltr.models.tracking_network import BoxEnergies, BoxProposals


class ProposalOutput(NamedTuple):
    """What the proposal head makes of both hidden layers."""

    reach: float
    """Sides of what is seen, in those of the first box."""
    components: int
    layer: nn.Linear


class ConditionedClosedForm(NamedTuple):
    """The closed form for given targets: made once for them, good for any frame."""

    branches: tuple[ConditionedBranch, ConditionedBranch]
    bias: Tensor
    """(1,)."""
    proposal: ProposalOutput | None

    def energies_of(self, taps: Taps, boxes_xywh: Tensor) -> BoxEnergies:
        """The energies of boxes in crops whose trunk features are `taps`.

        On the CPU feature maps are computed only where boxes reach, first around `boxes_xywh` (B,
        N, 4) with a margin for their way, and around others once one of them leaves; on other
        devices they are whole, so that no shape depends on boxes."""
        if taps.stride8.device.type != "cpu":
            return self.energies_on_whole_maps(taps)
        return _EnergiesOnWindows(self, taps, boxes_xywh)

    def energies_on_whole_maps(self, taps: Taps) -> BoxEnergies:
        """The same without any window."""
        return partial(_energies, self, self._whole_maps(taps))

    def proposals_of(self, taps: Taps, first_xywh: Tensor) -> BoxProposals:
        """Where boxes may lie near first boxes (B, 4): on whole maps, for they may lie anywhere."""
        maps = self._whole_maps(taps)
        density = _density(self, maps, first_xywh)
        return BoxProposals(density, partial(_scores, self, maps), partial(_energies, self, maps))

    def _whole_maps(self, taps: Taps) -> tuple[FeatureMaps, FeatureMaps]:
        windows = [whole_map(tap.shape[-2:], len(tap)) for tap in taps]
        return _feature_maps(self, taps, windows)


class ClosedFormHead:
    """The inference form of an `EnergyHead`, and of the `MixtureHead` that reads its features, if
    there is one. Their batch norms are folded."""

    def __init__(self, head: EnergyHead, proposal: MixtureHead | None = None) -> None:
        self._head = head
        self.has_proposals = proposal is not None
        self._proposal = None if proposal is None else _proposal_output(proposal)
        config, layers = head.config, (head.fc3_rt.linear, head.fc4_rt.linear)
        self.modulation_size = sum(config.channels)
        outputs = head.iou_predictor.weight[0].split(config.hidden)
        self._padded = (
            (head.conv3_1t[0], head.conv3_2t[0]),
            (head.conv4_1t[0], head.conv4_2t[0]),
        )
        self._branches = tuple(
            _branch(
                stride,
                bins,
                (_for_windows(first), _for_windows(second)),
                _channels_behind(linear.weight, bins),
                linear.bias,
                output,
                layer,
            )
            for stride, bins, (first, second), linear, output, layer in zip(
                STRIDES,
                config.bins,
                self._padded,
                layers,
                outputs,
                _proposal_layers(proposal),
                strict=True,
            )
        )

    def modulation(self, taps: Taps, boxes_xywh: Tensor) -> Tensor:
        """Both modulation vectors, (B, M), of targets with boxes (B, 4) in crops whose trunk
        features are `taps`."""
        return torch.cat(self._head.modulation(taps, boxes_xywh), dim=1)

    def conditioned(self, modulation: Tensor) -> ConditionedClosedForm:
        """The head for targets with `modulation` (B, M).

        Many share its weights. A single one on the CPU gets weights of its own, without the
        channels that its modulation switches off: exact, and half the work where half of them are
        zero."""
        vectors = modulation.split(self._head.config.channels, dim=1)
        alone = len(modulation) == 1 and modulation.device.type == "cpu"
        stride8, stride16 = (
            _packed(branch, weights, second)
            if alone
            else ConditionedBranch(branch, weights[:, None, None, None])
            for branch, weights, (_, second) in zip(
                self._branches, vectors, self._padded, strict=True
            )
        )
        bias = self._head.iou_predictor.bias
        return ConditionedClosedForm((stride8, stride16), bias, self._proposal)


class _EnergiesOnWindows:
    """The energies of boxes of one frame, on windows of feature maps that follow the boxes."""

    def __init__(self, head: ConditionedClosedForm, taps: Taps, boxes_xywh: Tensor) -> None:
        self._head, self._taps = head, taps
        self._move_to(boxes_xywh)

    def __call__(self, boxes_xywh: Tensor) -> tuple[Tensor, Tensor]:
        corner, size = boxes_xywh.split(2, dim=-1)
        outside = (corner < self._least) | (corner + size > self._most)
        if (outside & boxes_xywh.isfinite().all(-1, keepdim=True)).any():
            self._move_to(boxes_xywh)
        return _energies(self._head, self._maps, boxes_xywh)

    def _move_to(self, boxes_xywh: Tensor) -> None:
        """New windows, and how far boxes may reach in them: (B, 1, 2) pixels as (x, y)."""
        taps, strides = self._taps, [b.branch.stride for b in self._head.branches]
        sizes = [tap.shape[-2:] for tap in taps]
        windows = [
            window_around(boxes_xywh, stride, size)
            for stride, size in zip(strides, sizes, strict=True)
        ]
        (least8, most8), (least16, most16) = map(limits_xy, windows, strides, sizes)
        self._least = torch.maximum(least8, least16)
        self._most = torch.minimum(most8, most16)
        self._maps = _feature_maps(self._head, taps, windows)


def _feature_maps(
    head: ConditionedClosedForm, taps: Taps, windows: list[FeatureWindow]
) -> tuple[FeatureMaps, FeatureMaps]:
    stride8, stride16 = (
        maps_in(tap, conditioned.branch.convolutions, window)
        for tap, conditioned, window in zip(taps, head.branches, windows, strict=True)
    )
    return stride8, stride16


def _energies(
    head: ConditionedClosedForm, maps: tuple[FeatureMaps, FeatureMaps], boxes_xywh: Tensor
) -> tuple[Tensor, Tensor]:
    energy8, gradient8 = branch_energies(head.branches[0], maps[0], boxes_xywh)
    energy16, gradient16 = branch_energies(head.branches[1], maps[1], boxes_xywh)
    return energy8 + energy16 + head.bias, gradient8 + gradient16


def _scores(
    head: ConditionedClosedForm, maps: tuple[FeatureMaps, FeatureMaps], boxes_xywh: Tensor
) -> Tensor:
    """The energies (B, N) alone."""
    energy = head.bias
    for conditioned, own in zip(head.branches, maps, strict=True):
        branch = conditioned.branch
        pooled = pooled_values(conditioned, own, boxes_xywh, branch.bins)
        hidden = torch.addmm(branch.bias, pooled, branch.transposed)
        energy = energy + (hidden.relu() @ branch.output).view(boxes_xywh.shape[:2])
    return energy


def _density(
    head: ConditionedClosedForm, maps: tuple[FeatureMaps, FeatureMaps], first_xywh: Tensor
) -> MixtureDensity:
    """The proposals (B,) around first boxes (B, 4)."""
    output = head.proposal
    assert output is not None
    seen = grown(first_xywh, output.reach)[:, None]
    hidden = []
    for conditioned, own in zip(head.branches, maps, strict=True):
        layer = conditioned.branch.proposal
        assert layer is not None
        pooled = pooled_values(conditioned, own, seen, layer.bins)
        hidden.append(torch.addmm(layer.bias, pooled, layer.transposed).relu())
    return mixture(output.layer(torch.cat(hidden, dim=1)), output.components)


def _branch(
    stride: int,
    bins: int,
    convolutions: Convolutions,
    weight: Tensor,
    bias: Tensor,
    output: Tensor,
    proposal: ProposalLayer | None,
) -> Branch:
    return Branch(
        stride=stride,
        bins=bins,
        convolutions=convolutions,
        weight=weight,
        transposed=weight.t().contiguous(),
        bias=bias,
        output=output,
        proposal=proposal,
    )


def _packed(branch: Branch, modulation: Tensor, second: nn.Module) -> ConditionedBranch:
    """A branch for one target, `modulation` (1, C), without the channels of weight zero.

    second: the branch's second convolution, of all channels."""
    kept = modulation[0].nonzero()[:, 0]
    if not len(kept):
        kept = kept.new_zeros(1)  # no operator takes no channels; one of zeros is exact
    cells, channels = branch.bins**2, modulation.shape[1]
    weight = branch.weight.view(-1, cells, channels).index_select(2, kept).flatten(1)
    convolutions = branch.convolutions[0], _for_windows(second, kept)
    proposal = branch.proposal
    if proposal is not None:
        rows = proposal.transposed.view(proposal.bins**2, channels, -1).index_select(1, kept)
        proposal = proposal._replace(transposed=rows.flatten(0, 1))
    packed = _branch(
        branch.stride, branch.bins, convolutions, weight, branch.bias, branch.output, proposal
    )
    return ConditionedBranch(packed, modulation.index_select(1, kept)[:, None, None, None])


def _proposal_output(head: MixtureHead) -> ProposalOutput:
    return ProposalOutput(head.config.reach, head.config.components, head.output)


def _proposal_layers(head: MixtureHead | None) -> list[ProposalLayer | None]:
    if head is None:
        return [None, None]
    return [
        ProposalLayer(
            bins, _channels_behind(block.linear.weight, bins).t().contiguous(), block.linear.bias
        )
        for bins, block in zip(head.config.bins, (head.fc3, head.fc4), strict=True)
    ]


def _channels_behind(weight: Tensor, bins: int) -> Tensor:
    """Columns in the order (channel, row, column) -> (row, column, channel)."""
    return weight.view(len(weight), -1, bins, bins).permute(0, 2, 3, 1).flatten(1).contiguous()


def _for_windows(padded: nn.Module, rows: Tensor | None = None) -> nn.Module:
    """A convolution as `features_in` takes it, of all output channels or of `rows`."""
    assert isinstance(padded, nn.Conv2d)
    if padded.weight.device.type != "cpu":
        return padded
    weight, bias = padded.weight, padded.bias
    assert bias is not None
    if rows is not None:
        weight, bias = weight.index_select(0, rows), bias.index_select(0, rows)
    convolution = nn.utils.skip_init(nn.Conv2d, weight.shape[1], len(weight), 3)
    convolution.weight, convolution.bias = nn.Parameter(weight, False), nn.Parameter(bias, False)
    return FusedConvolution(convolution) if FusedConvolution.available() else convolution
