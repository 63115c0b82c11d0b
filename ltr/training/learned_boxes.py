"""The box head's energy and the proposal head that draws its boxes, trained jointly (Gustafsson et
al. 2022): the energy by NCE with the proposal as noise, the proposal by its divergence from it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from ltr.draws import Draws
from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.objectives import Candidates, Loss, NoiseContrastive
from ltr.ebm.proposals import LearnedProposal
from ltr.geometry import at_offsets, offsets_from
from ltr.models.box.sampling import FARTHEST
from ltr.models.tracker_net import BoxScene
from ltr.training.box_loss import LOSS, inside_crop, mean_where
from ltr.training.box_samples import box_noise
from ltr.training.recipe import ProposalLoss


class LearnedBoxes(NamedTuple):
    """Boxes that a proposal drew in T frames of B examples, the target's first."""

    boxes_xywh: Tensor
    """(B, T, 1 + N, 4), pool format, without gradient."""
    candidates: Candidates
    """The same as offsets (B T, 1 + N, 4) from the first boxes."""
    proposal: MixtureDensity


def learned_terms(
    loss: ProposalLoss, scene: BoxScene, target_xywh: Tensor, crop_side: int, draws: Draws
) -> dict[str, Tensor]:
    """Scalars by name: the loss of energy and proposal together, and without gradient its parts and
    what else there is. target_xywh (B, T, 4): pool format."""
    drawn = learned_boxes(loss, scene, target_xywh, draws)
    energies = scene.energies(drawn.boxes_xywh)
    found = _objective(loss).loss(energies.flatten(0, 1), drawn.candidates, drawn.proposal)
    return _terms(found, inside_crop(target_xywh, crop_side).flatten())


def learned_boxes(
    loss: ProposalLoss, scene: BoxScene, target_xywh: Tensor, draws: Draws
) -> LearnedBoxes:
    """Boxes that the proposals of `scene` draw near targets (B, T, 4), each from a first box that
    lies near the target as the one that a tracker searched does."""
    frames = target_xywh.shape[1]
    each = draws.each(frames)
    noise = box_noise(loss.first_sigmas, target_xywh.device)
    first = at_offsets(target_xywh.flatten(0, 1), noise.draw(each.of("first"), 1))[:, 0]
    proposal = scene.proposal(first.unflatten(0, (-1, frames)))
    target = offsets_from(first, target_xywh.flatten(0, 1)[:, None])[:, 0]
    candidates = _objective(loss).draw(target, proposal, each)
    boxes = at_offsets(first, candidates.points.clamp(-FARTHEST, FARTHEST))
    return LearnedBoxes(boxes.unflatten(0, (-1, frames)), candidates, proposal)


def _objective(loss: ProposalLoss) -> LearnedProposal:
    return LearnedProposal(NoiseContrastive(loss.boxes, loss.beta), loss.likelihood_share)


def _terms(found: Loss, inside: Tensor) -> dict[str, Tensor]:
    more = {f"box/{name}": mean_where(inside, each) for name, each in found.diagnostics.items()}
    return {LOSS: mean_where(inside, found.values), **more}
