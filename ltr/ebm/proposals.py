"""Noise that learns where the energy is high: Gustafsson et al. 2022, "Learning Proposals for
Practical Energy-Based Regression" (AISTATS).

A proposal q(y | x) is a `MixtureDensity`. Its divergence from the energy, KL(p || q), depends on it
through -E_p[log q], which self-normalised weights over points of q itself, held fixed, estimate;
that gradient is the one of

    log (1/M) sum_m exp( f(y_m) - log q(y_m) )      with f and y_m held fixed.

So no sample is reparametrised, the energy gets no gradient from the proposal's term and the
proposal none from the energy's. A network that gives both from the same features detaches the
features that go into the proposal: in the paper they are trained by the energy alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from ltr.ebm.checks import check_dimensions, check_share
from ltr.ebm.mixture import MixtureDensity
from ltr.ebm.noise import Draw
from ltr.ebm.objectives import Candidates, Loss, NoiseContrastive, Objective, Score, log_mean_exp
from ltr.errors import ConfigError


@dataclass(frozen=True)
class LearnedProposal(Objective[MixtureDensity]):
    """The energy by NCE with the proposal as its noise, and beside it the proposal:

        L = L_nce + (1 - s) KL(p || q) - s log q(y),

    where s is the `likelihood_share`. 0: the joint objective. One half: a mixture density network
    with an energy as its teacher, which has features of its own. Published: 1,024 samples, 4
    components. Where the mixture is far off at first, as in three dimensions, begin with an epoch
    of `mixture_likelihood`. ConfigError for another objective than NCE, for a share that is not
    from 0 to 1, and for noise that is no mixture."""

    energy: NoiseContrastive = field(default_factory=NoiseContrastive)
    likelihood_share: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.energy, NoiseContrastive):
            raise ConfigError(
                f"an energy by {type(self.energy).__name__} beside a learned proposal: give a "
                "NoiseContrastive"
            )
        check_share("a likelihood share", self.likelihood_share)

    def draw(self, target: Tensor, proposal: MixtureDensity, draw: Draw) -> Candidates:
        """The points to be scored; their log densities have the proposal's gradient."""
        if not isinstance(proposal, MixtureDensity):
            raise ConfigError(
                f"a {type(proposal).__name__} as a learned proposal: give a MixtureDensity"
            )
        return self.energy.draw(target, proposal, draw)

    def loss(self, scores: Tensor, candidates: Candidates, proposal: MixtureDensity) -> Loss:
        """Of scores (B, 1 + M)."""
        energy = self.energy.loss(scores, candidates)
        log_proposal = candidates.log_noise[..., 1:]
        divergence = proposal_divergence(scores[..., 1:], log_proposal)
        likelihood = mixture_likelihood(candidates.target, proposal).values
        share = self.likelihood_share
        values = energy.values + (1 - share) * divergence + share * likelihood
        told = {
            "energy": energy.values.detach(),
            "divergence": divergence.detach(),
            "proposal_likelihood": likelihood.detach(),
        }
        return Loss(values, {**energy.diagnostics, **told})

    def __call__(self, score: Score, target: Tensor, noise: MixtureDensity, draw: Draw) -> Loss:
        candidates = self.draw(target, noise, draw)
        return self.loss(score(candidates.points), candidates, noise)


def proposal_divergence(scores: Tensor, log_proposal: Tensor) -> Tensor:
    """(...) from scores and log densities (..., M) at M points of the proposal: its value is the
    estimate of log Z, its gradient in the proposal that of KL(p || q). Scores get none."""
    return log_mean_exp(scores.detach() - log_proposal)


def mixture_likelihood(target: Tensor, proposal: MixtureDensity) -> Loss:
    """-log q(y) at targets (B, D): a mixture density network by itself, or the warm-up of one that
    is to be a proposal. Diagnostics: `mixture_error`."""
    _check_targets(target, proposal)
    values = -proposal.log_density(target[..., None, :])[..., 0]
    return Loss(values, {"mixture_error": mixture_error(target, proposal).detach()})


def mixture_error(target: Tensor, proposal: MixtureDensity) -> Tensor:
    """(B,) mean squared distance over dimensions of the mixture's mean from targets (B, D): the
    published warm-up of mixtures of 16, whose likelihood may overflow at first."""
    _check_targets(target, proposal)
    return (proposal.mean - target).square().mean(-1)


def _check_targets(target: Tensor, proposal: MixtureDensity) -> None:
    """(..., D), one for each mixture."""
    check_dimensions("targets", target, proposal.means.shape[-1], "a mixture")
    if target.shape[:-1] != proposal.logits.shape[:-1]:
        raise ConfigError(
            f"targets of shape {tuple(target.shape)}, a mixture of logits "
            f"{tuple(proposal.logits.shape)}: give a target for each"
        )
